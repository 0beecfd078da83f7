import { type JobEvent, redactSecrets, SrcodeError } from '@srcode/core';
import type { Command } from 'commander';
import type { CliIo } from './cli-io.js';
import { mergeConfig } from './merge-config.js';
import { ProgressBar } from './render/progress-bar.js';

/** Options every command takes. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly config?: string;
}

/** Adds `--json` and `--config`, which every command has. */
export function withCommonOptions(command: Command): Command {
  const parse = command.parseOptions.bind(command);
  // Folded in once all flags are known and before commander asks for required ones, which the file may give.
  command.parseOptions = (argv) => {
    const parsed = parse(argv);
    const { config } = command.opts<CommonOptions>();
    if (config === undefined) return parsed;
    try {
      mergeConfig(command, config);
    } catch (error) {
      process.exit(reportError(error, false));
    }
    return parsed;
  };
  return command
    .option('--json', 'print one JSON document on standard output, for machines')
    .option('--config <file>', 'YAML or JSON file with this command’s options; flags win');
}

/** Wraps the body of a command: config, cancellation, progress, errors and exit codes in one place. */
export function runAction<O extends CommonOptions>(
  body: (options: O, io: CliIo, args: readonly string[]) => Promise<void>,
): (...received: unknown[]) => Promise<void> {
  return async (...received) => {
    const command = received.at(-1) as Command;
    const args = command.processedArgs.map(String);
    const abort = new AbortController();
    const bar = new ProgressBar();
    let interrupts = 0;
    const onInterrupt = () => {
      interrupts++;
      if (interrupts > 1) process.exit(130);
      process.stderr.write('\nStopping; finished work is kept. Press Ctrl-C again to stop at once.\n');
      abort.abort(new Error('interrupted'));
    };
    process.on('SIGINT', onInterrupt);
    process.on('SIGTERM', onInterrupt);
    const isTerminal = process.stderr.isTTY === true;
    try {
      const options = command.optsWithGlobals<O>();
      const io: CliIo = {
        out: (text) => process.stdout.write(`${text}\n`),
        note: (text) => {
          bar.end();
          process.stderr.write(`${text}\n`);
        },
        progress: (event: JobEvent) => {
          if (event.type === 'warning') {
            bar.end();
            process.stderr.write(`warning: ${redactSecrets(event.message)}\n`);
          } else if (isTerminal) bar.update(event);
        },
        endProgress: () => bar.end(),
        isTerminal,
        json: options.json === true,
        signal: abort.signal,
      };
      await body(options, io, args);
    } catch (error) {
      bar.end();
      process.exitCode = reportError(error, interrupts > 0);
    } finally {
      bar.end();
      process.off('SIGINT', onInterrupt);
      process.off('SIGTERM', onInterrupt);
    }
  };
}

function reportError(error: unknown, interrupted: boolean): number {
  const isOurs = SrcodeError.isInstance(error);
  if (interrupted && (!isOurs || error.code === 'CANCELLED')) {
    process.stderr.write('Stopped. Run the same command again (with --resume where it has one) to go on.\n');
    return 130;
  }
  if (isOurs) {
    // Messages of libraries may quote an address with its password.
    process.stderr.write(`error ${error.code}: ${redactSecrets(error.message)}\n`);
    if (process.env.SRCODE_DEBUG) process.stderr.write(`${redactSecrets(error.stack ?? '')}\n`);
    return error.exitCode;
  }
  process.stderr.write(
    `error: ${redactSecrets(error instanceof Error ? ((process.env.SRCODE_DEBUG ? error.stack : undefined) ?? error.message) : String(error))}\n`,
  );
  process.stderr.write('This is not an error SRCode expected; set SRCODE_DEBUG=1 for the stack trace.\n');
  return 1;
}
