import { readFile } from 'node:fs/promises';
import { SandboxFailedError } from '../errors.js';
import type { RunProcessResult } from '../internal/run-process.js';
import type { PreparedRoot } from './prepare-root.js';
import type { SandboxLevel, SandboxLimits } from './types.js';

export interface WorkDirRun extends SandboxLimits {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the scrubbed environment (`PATH`, `HOME`, `TMPDIR`, `LC_ALL` only). */
  readonly env?: Readonly<Record<string, string>>;
  /** `read-only` is enforced where the level isolates the file system. Default `read-write`. */
  readonly access?: 'read-only' | 'read-write';
  readonly stdin?: string;
  readonly signal?: AbortSignal;
}

/** One program of a sequence. */
export interface WorkDirStep extends Omit<WorkDirRun, 'stdin' | 'signal'> {
  /** The sequence ends when this program fails. Default false. */
  readonly stopOnFailure?: boolean;
}

export interface SandboxOptions {
  readonly level: SandboxLevel;
  /** Host folders outside /usr to show read-only at the same path, e.g. of a compiler in /opt. */
  readonly readOnlyPaths?: readonly string[];
  /** Host folder that every run sees read-only, at `sharedPath`. */
  readonly sharedDir?: string;
}

export const sandboxDefaults = {
  timeoutMs: 10_000,
  fileSizeBytes: 16 * 1024 * 1024,
  maxProcesses: 32,
  maxOutputBytes: 1024 * 1024,
} as const;

/** The environment of every program: nothing of ours. */
export function scrubbedEnvironment(home: string): Record<string, string> {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
    HOME: home,
    TMPDIR: home,
    LC_ALL: 'C.UTF-8',
  };
}

/** CPU limit in whole seconds, as the kernel counts. */
export function cpuSecondsOf(limits: SandboxLimits): number {
  return Math.max(1, Math.ceil((limits.cpuMs ?? limits.timeoutMs ?? sandboxDefaults.timeoutMs) / 1000));
}

/** What one private folder's runs need to know. */
export interface RunContext {
  readonly options: SandboxOptions;
  readonly prepared: PreparedRoot;
  /** Private folder: the program's files are in `work` below it. */
  readonly base: string;
  /** User id to run under; null when this process may not change it. */
  readonly uid: number | null;
}

/** Throws when it was the sandbox that failed, not the program. */
export async function throwIfSetupFailed(
  level: SandboxLevel,
  result: RunProcessResult,
  failureFile: string,
): Promise<void> {
  const marked = async (): Promise<boolean> =>
    readFile(failureFile).then(
      () => true,
      () => false,
    );
  const failed =
    (level === 'unshare' && result.exitCode === 125 && (await marked())) ||
    (level === 'bubblewrap' && result.exitCode === 1 && result.stderr.startsWith('bwrap: '));
  if (!failed) return;
  throw new SandboxFailedError({
    code: 'SANDBOX_SETUP_FAILED',
    message: `Expected the ${level} sandbox to start, it did not: ${result.stderr.trim().slice(0, 300) || 'no message'}. Run \`srcode doctor\` to see which sandbox this machine allows.`,
    context: { level },
  });
}
