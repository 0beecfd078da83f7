import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { InputError } from '@srcode/core';
import { SandboxFailedError } from '../errors.js';
import { type RunProcessResult, runProcess } from '../internal/run-process.js';
import { buildCommand, buildFstab, type PlanOptions } from './build-command.js';
import { decodeExit } from './decode-exit.js';
import { type PreparedRoot, prepareRoot } from './prepare-root.js';
import type { SandboxLevel, SandboxLimits, SandboxResult } from './types.js';

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

/** A private folder whose files programs of one origin see as their working directory. */
export interface SandboxWorkDir {
  /** Host path. Files in it may be written by hostile programs: do not trust names or links. */
  readonly path: string;
  run(options: WorkDirRun): Promise<SandboxResult>;
  /** Removes the folder. */
  dispose(): Promise<void>;
}

export interface SandboxOptions {
  readonly level: SandboxLevel;
  /** Host folders outside /usr to show read-only, e.g. of a compiler in /opt. */
  readonly readOnlyPaths?: readonly string[];
}

/** A sandbox at one level; cheap to keep, shared by many runs. */
export interface Sandbox {
  readonly level: SandboxLevel;
  openWorkDir(files: Readonly<Record<string, string>>): Promise<SandboxWorkDir>;
}

const defaults = {
  timeoutMs: 10_000,
  fileSizeBytes: 16 * 1024 * 1024,
  maxProcesses: 32,
  maxOutputBytes: 1024 * 1024,
};

/** User ids that no account has; each run in flight has its own, so that process limits count that run alone. */
const firstUid = 1_800_000_000;
const uidSlots = 4096;
let nextSlot = 0;

function takeUid(): number {
  const slot = nextSlot++ % uidSlots;
  return firstUid + (process.pid % 65_536) * uidSlots + slot;
}

async function countOwnThreads(): Promise<number> {
  const { readdir } = await import('node:fs/promises');
  const uid = process.getuid?.() ?? -1;
  let count = 0;
  for (const name of await readdir('/proc').catch(() => [] as string[])) {
    if (!/^\d+$/.test(name)) continue;
    const status = await readFile(`/proc/${name}/status`, 'utf8').catch(() => '');
    if (Number(/^Uid:\s+(\d+)/m.exec(status)?.[1] ?? -1) !== uid) continue;
    count += Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 1);
  }
  return count;
}

function checkFileName(name: string): void {
  const normal = normalize(name);
  if (name === '' || isAbsolute(name) || normal.startsWith('..') || name.includes('\0'))
    throw new InputError({
      code: 'SANDBOX_FILE_NAME',
      message: `Expected file names relative to the sandbox folder, got ${JSON.stringify(name)}.`,
    });
}

/** A sandbox at the given level. Use `detectSandbox` to learn which levels this machine has. */
export function createSandbox(options: SandboxOptions): Sandbox {
  const { level } = options;
  const isRoot = process.getuid?.() === 0;
  let prepared: Promise<PreparedRoot> | undefined;

  const run = async (base: string, uid: number | null, job: WorkDirRun): Promise<SandboxResult> => {
    prepared ??= prepareRoot(options.readOnlyPaths ?? []);
    const { root, exists } = await prepared;
    const timeoutMs = job.timeoutMs ?? defaults.timeoutMs;
    const maxProcesses = job.maxProcesses ?? defaults.maxProcesses;
    const countsAllOfUser = level === 'limits-only' && uid === null;
    const plan: PlanOptions = {
      level,
      workDir: join(base, 'work'),
      workDirAccess: job.access ?? 'read-write',
      command: job.command,
      args: job.args,
      cpuSeconds: Math.max(1, Math.ceil((job.cpuMs ?? timeoutMs) / 1000)),
      memoryBytes: job.memoryBytes,
      fileSizeBytes: job.fileSizeBytes ?? defaults.fileSizeBytes,
      maxProcesses: countsAllOfUser ? maxProcesses + (await countOwnThreads()) : maxProcesses,
      uid,
      readOnlyPaths: options.readOnlyPaths ?? [],
    };
    const paths = { root, fstab: join(base, 'fstab'), failure: join(base, 'failure') };
    if (level === 'unshare') {
      // Two runs in one folder may differ in access.
      paths.fstab = join(base, `fstab-${plan.workDirAccess}`);
      await writeFile(paths.fstab, buildFstab(plan, root, exists));
    }
    const [command, ...args] = buildCommand(plan, paths, exists);
    const home = level === 'limits-only' ? plan.workDir : '/tmp';
    const result = await runProcess({
      command: command!,
      args,
      cwd: plan.workDir,
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
        HOME: home,
        TMPDIR: home,
        LC_ALL: 'C.UTF-8',
        ...job.env,
      },
      timeoutMs,
      maxOutputBytes: job.maxOutputBytes ?? defaults.maxOutputBytes,
      ...(job.stdin === undefined ? {} : { stdin: job.stdin }),
      ...(level === 'limits-only' && uid !== null ? { uid, gid: uid } : {}),
      ...(job.signal === undefined ? {} : { signal: job.signal }),
    });
    await throwIfSetupFailed(level, result, paths.failure);
    return { ...decodeExit(result), ...pickOutput(result) };
  };

  return {
    level,
    openWorkDir: async (files) => {
      for (const name of Object.keys(files)) checkFileName(name);
      const base = await mkdtemp(join(tmpdir(), 'srcode-run-'));
      const uid = isRoot ? takeUid() : null;
      const work = join(base, 'work');
      await mkdir(work, { mode: 0o700 });
      for (const [name, text] of Object.entries(files)) {
        const path = join(work, name);
        if (name.includes('/')) await mkdir(dirname(path), { recursive: true });
        await writeFile(path, text, { mode: 0o644 });
      }
      if (uid !== null) {
        await chmod(base, 0o711);
        await chown(work, uid, uid);
      }
      return {
        path: work,
        run: (job) => run(base, uid, job),
        dispose: () => rm(base, { recursive: true, force: true, maxRetries: 2 }),
      };
    },
  };
}

function pickOutput(
  result: RunProcessResult,
): Pick<SandboxResult, 'stdout' | 'stderr' | 'timedOut' | 'outputExceeded'> {
  const { stdout, stderr, timedOut, outputExceeded } = result;
  return { stdout, stderr, timedOut, outputExceeded };
}

async function throwIfSetupFailed(
  level: SandboxLevel,
  result: RunProcessResult,
  failureFile: string,
): Promise<void> {
  const failed =
    (level === 'unshare' &&
      result.exitCode === 125 &&
      (await readFile(failureFile).then(
        () => true,
        () => false,
      ))) ||
    (level === 'bubblewrap' && result.exitCode === 1 && result.stderr.startsWith('bwrap: '));
  if (!failed) return;
  throw new SandboxFailedError({
    code: 'SANDBOX_SETUP_FAILED',
    message: `Expected the ${level} sandbox to start, it did not: ${result.stderr.trim().slice(0, 300) || 'no message'}. Run \`srcode doctor\` to see which sandbox this machine allows.`,
    context: { level },
  });
}
