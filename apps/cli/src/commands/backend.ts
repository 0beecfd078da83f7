import { installTensorflow, uninstallTensorflow } from '@srcode/backend';
import { drainJob, InputError } from '@srcode/core';
import type { Command } from 'commander';
import type { CliIo } from '../cli-io.js';
import { type CommonOptions, runAction, withCommonOptions } from '../run-action.js';

interface InstallOptions extends CommonOptions {
  readonly cuda?: boolean;
  readonly uninstall?: boolean;
  readonly libtensorflow?: string;
  readonly force?: boolean;
}

export function registerBackend(program: Command): void {
  const backend = program.command('backend').description('tensor backends');
  withCommonOptions(backend.command('install'))
    .description('build native TensorFlow for this Node into your cache folder, and verify it')
    .option('--cuda', 'take the library with CUDA support')
    .option(
      '--libtensorflow <path>',
      'use this libtensorflow (unpacked folder or wheel) instead of fetching one',
    )
    .option('--force', 'build again even when it is installed')
    .option('--uninstall', 'remove what was installed')
    .addHelpText('after', '\nExample:\n  srcode backend install')
    .action(runAction(installAction));
}

async function installAction(options: InstallOptions, io: CliIo): Promise<void> {
  if (options.uninstall) return uninstall(options, io);
  const result = await drainJob(
    installTensorflow({
      cuda: options.cuda === true,
      force: options.force === true,
      signal: io.signal,
      ...(options.libtensorflow === undefined ? {} : { libtensorflowPath: options.libtensorflow }),
    }),
    (event) => {
      if (event.type === 'warning') io.progress(event);
      else if (event.state === 'start') io.note(`${event.step}: ${event.message} …`);
      else io.note(`${event.step}: ${event.message} (${(event.elapsedMs / 1000).toFixed(1)} s)`);
    },
  );
  if (io.json) {
    io.out(JSON.stringify(result, null, 2));
    return;
  }
  const { variant, tensorflowVersion, check } = result.stamp;
  io.out(
    `TensorFlow ${tensorflowVersion} (${variant}) ${result.state === 'installed' ? 'installed' : 'was installed already'} in ${result.folder}`,
  );
  io.out(
    `verified: ${check.gpu ? 'GPU' : 'CPU'}, ${check.gigaflops.toFixed(1)} Gflop/s, matrix product within ${check.matMulError.toExponential(1)}, gradient within ${check.gradientError.toExponential(1)}`,
  );
  io.out('next: srcode doctor');
}

async function uninstall(options: InstallOptions, io: CliIo): Promise<void> {
  if (options.cuda || options.force || options.libtensorflow !== undefined) {
    throw new InputError({
      code: 'USAGE',
      message: 'Expected --uninstall alone; --cuda, --force and --libtensorflow belong to installing.',
    });
  }
  const removed = await uninstallTensorflow();
  io.out(
    io.json
      ? JSON.stringify({ removed }, null, 2)
      : removed.length === 0
        ? 'nothing was installed'
        : removed.map((folder) => `removed ${folder}`).join('\n'),
  );
}
