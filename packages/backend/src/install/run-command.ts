import { spawn } from 'node:child_process';
import { CancelledError } from '@srcode/core';

export interface CommandResult {
  /** Exit code; undefined when the command was not found. */
  readonly exitCode: number | null | undefined;
  readonly stdout: string;
  /** Last 16 KiB of both streams, for messages. */
  readonly tail: string;
}

/** 16 KiB: a compiler's first errors or pip's last lines; 1 MiB of stdout is far above any answer we read. */
const maxTail = 16 * 1024;
const maxStdout = 1024 * 1024;

export interface RunCommandOptions {
  readonly cwd?: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
}

/** Runs a program without a shell and returns what it said. Throws `CancelledError` when the signal is aborted. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: RunCommandOptions,
): Promise<CommandResult> {
  const { cwd, environment, signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new CancelledError('Cancelled.', signal.reason));
    const child = spawn(command, [...args], {
      ...(cwd ? { cwd } : {}),
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const stop = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
      } catch {
        // already gone
      }
    };
    signal?.addEventListener('abort', stop, { once: true });
    let stdout = '';
    let tail = '';
    child.stdout.on('data', (chunk: Buffer) => {
      if (stdout.length < maxStdout) stdout += chunk;
      tail = (tail + chunk).slice(-maxTail);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      tail = (tail + chunk).slice(-maxTail);
    });
    const finish = (exitCode: number | null | undefined) => {
      signal?.removeEventListener('abort', stop);
      if (signal?.aborted) reject(new CancelledError('Cancelled.', signal.reason));
      else resolve({ exitCode, stdout, tail });
    };
    child.on('error', (error) => {
      tail += error.message;
      finish(undefined);
    });
    child.on('close', (code) => finish(code));
  });
}

/** The last `count` non-empty lines of a command's output. */
export function lastLines(text: string, count = 5): string {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-count)
    .join('\n');
}
