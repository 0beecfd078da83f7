import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { CancelledError, throwIfCancelled } from '@srcode/core';

export interface RunProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Cap of stdout and stderr, each. A program that passes it is killed. */
  readonly maxOutputBytes: number;
  readonly stdin?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly signal?: AbortSignal;
}

export interface RunProcessResult {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  readonly outputExceeded: boolean;
}

/** Time for pipes to close after the group was killed; a process that left the group may hold them open. */
const closeGraceMs = 500;

/** Kills the whole process group of a detached child; a group that is gone is no error. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

class CappedOutput {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  readonly #cap: number;

  constructor(cap: number) {
    this.#cap = cap;
  }

  /** False once more than the cap came; what passes the cap is dropped. */
  push(chunk: Buffer): boolean {
    const room = this.#cap - this.#bytes;
    if (room > 0) this.#chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    this.#bytes += chunk.length;
    return this.#bytes <= this.#cap;
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}

/**
 * Result of a program run in its own session and process group, which is killed as a whole on timeout,
 * output over the cap, or abort. Throws `CancelledError` on abort and the system error when it cannot start.
 */
export function runProcess(options: RunProcessOptions): Promise<RunProcessResult> {
  throwIfCancelled(options.signal);
  return new Promise((resolve, reject) => {
    const child = spawn(options.command, [...options.args], {
      env: { ...options.env },
      detached: true,
      stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
    });
    const stdout = new CappedOutput(options.maxOutputBytes);
    const stderr = new CappedOutput(options.maxOutputBytes);
    let timedOut = false;
    let outputExceeded = false;
    let settled = false;
    let exit: { code: number | null; signal: NodeJS.Signals | null } | undefined;

    const collect = (stream: Readable | null, into: CappedOutput): void => {
      stream?.on('data', (chunk: Buffer) => {
        if (into.push(chunk) || outputExceeded) return;
        outputExceeded = true;
        killGroup(child);
      });
      stream?.on('error', () => {});
    };
    collect(child.stdout, stdout);
    collect(child.stderr, stderr);
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.stdin);

    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child);
    }, options.timeoutMs);
    const onAbort = (): void => killGroup(child);
    options.signal?.addEventListener('abort', onAbort, { once: true });
    let grace: NodeJS.Timeout | undefined;

    const settle = (error?: unknown): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      clearTimeout(grace);
      options.signal?.removeEventListener('abort', onAbort);
      child.stdout?.destroy();
      child.stderr?.destroy();
      if (error !== undefined) reject(error);
      else if (options.signal?.aborted)
        reject(new CancelledError('Cancelled; the program was killed.', options.signal.reason));
      else
        resolve({
          exitCode: exit?.code ?? null,
          signal: exit?.signal ?? null,
          stdout: stdout.text(),
          stderr: stderr.text(),
          timedOut,
          outputExceeded,
        });
    };
    child.on('error', (error) => settle(error));
    child.on('exit', (code, signal) => {
      exit = { code, signal };
      // Descendants may outlive the program and hold its pipes.
      killGroup(child);
      grace = setTimeout(() => settle(), closeGraceMs);
    });
    child.on('close', () => settle());
  });
}
