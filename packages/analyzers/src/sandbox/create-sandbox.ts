import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { InputError } from '@srcode/core';
import { runProcess } from '../internal/run-process.js';
import { buildCommand, buildFstab, insideSharedDir, type PlanOptions } from './build-command.js';
import { decodeExit } from './decode-exit.js';
import { prepareRoot } from './prepare-root.js';
import {
  cpuSecondsOf,
  type RunContext,
  type SandboxOptions,
  sandboxDefaults,
  scrubbedEnvironment,
  throwIfSetupFailed,
  type WorkDirRun,
  type WorkDirStep,
} from './run-context.js';
import { runScriptedSteps } from './run-scripted-steps.js';
import type { SandboxLevel, SandboxResult } from './types.js';

/** A private folder whose files programs of one origin see as their working directory. */
export interface SandboxWorkDir {
  /** Host path. Files in it may be written by hostile programs: do not trust names or links. */
  readonly path: string;
  run(options: WorkDirRun): Promise<SandboxResult>;
  /**
   * Results of programs run one after the other, up to the first that fails and has `stopOnFailure`. Isolated from each
   * other as separate runs are; where the level is `unshare`, one set of namespaces serves them all, which is faster.
   * Steps that write must come before steps that only read.
   */
  runSteps(steps: readonly WorkDirStep[], signal?: AbortSignal): Promise<SandboxResult[]>;
  /** Removes the folder. */
  dispose(): Promise<void>;
}

/** A sandbox at one level; cheap to keep, shared by many runs. */
export interface Sandbox {
  readonly level: SandboxLevel;
  /** Where programs find `sharedDir`; null without one. */
  readonly sharedPath: string | null;
  openWorkDir(files: Readonly<Record<string, string>>): Promise<SandboxWorkDir>;
}

/** User ids that no account has; each run in flight has its own, so that process limits count that run alone. */
const firstUid = 1_800_000_000;
const uidSlots = 4096;
let nextSlot = 0;

function takeUid(): number {
  const slot = nextSlot++ % uidSlots;
  return firstUid + (process.pid % 65_536) * uidSlots + slot;
}

/** Threads of this user on the machine: without namespaces, process limits count them all. */
async function countOwnThreads(): Promise<number> {
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

async function runOne({ options, prepared, base, uid }: RunContext, job: WorkDirRun): Promise<SandboxResult> {
  const { level } = options;
  const { root, exists } = prepared;
  const maxProcesses = job.maxProcesses ?? sandboxDefaults.maxProcesses;
  const countsAllOfUser = level === 'limits-only' && uid === null;
  const plan: PlanOptions = {
    level,
    workDir: join(base, 'work'),
    workDirAccess: job.access ?? 'read-write',
    command: job.command,
    args: job.args,
    cpuSeconds: cpuSecondsOf(job),
    memoryBytes: job.memoryBytes,
    fileSizeBytes: job.fileSizeBytes ?? sandboxDefaults.fileSizeBytes,
    maxProcesses: countsAllOfUser ? maxProcesses + (await countOwnThreads()) : maxProcesses,
    uid,
    sharedDir: options.sharedDir ?? null,
  };
  // Two runs in one folder may differ in access.
  const paths = { root, fstab: join(base, `fstab-${plan.workDirAccess}`), failure: join(base, 'failure') };
  if (level === 'unshare') await writeFile(paths.fstab, buildFstab(plan, root, exists));
  const [command, ...args] = buildCommand(plan, paths, exists);
  const result = await runProcess({
    command: command!,
    args,
    cwd: plan.workDir,
    env: { ...scrubbedEnvironment(level === 'limits-only' ? plan.workDir : '/tmp'), ...job.env },
    timeoutMs: job.timeoutMs ?? sandboxDefaults.timeoutMs,
    maxOutputBytes: job.maxOutputBytes ?? sandboxDefaults.maxOutputBytes,
    ...(job.stdin === undefined ? {} : { stdin: job.stdin }),
    ...(level === 'limits-only' && uid !== null ? { uid, gid: uid } : {}),
    ...(job.signal === undefined ? {} : { signal: job.signal }),
  });
  await throwIfSetupFailed(level, result, paths.failure);
  const { stdout, stderr, timedOut, outputExceeded } = result;
  return { ...decodeExit(result), stdout, stderr, timedOut, outputExceeded };
}

/** One run per step; also finishes a scripted sequence that the wall clock ended early. */
async function runSteps(
  context: RunContext,
  steps: readonly WorkDirStep[],
  signal: AbortSignal | undefined,
): Promise<SandboxResult[]> {
  const results = context.options.level === 'unshare' ? await runScriptedSteps(context, steps, signal) : [];
  for (let index = results.length; index < steps.length; index++) {
    const previous = results.at(-1);
    if (previous && previous.exitCode !== 0 && steps[index - 1]!.stopOnFailure) break;
    results.push(await runOne(context, { ...steps[index]!, ...(signal === undefined ? {} : { signal }) }));
  }
  return results;
}

async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    if (name.includes('/')) await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { mode: 0o644 });
  }
}

/** A sandbox at the given level. Use `detectSandbox` to learn which levels this machine has. */
export function createSandbox(options: SandboxOptions): Sandbox {
  const isRoot = process.getuid?.() === 0;
  const sharedPath =
    options.sharedDir === undefined
      ? null
      : options.level === 'limits-only'
        ? options.sharedDir
        : insideSharedDir;
  return {
    level: options.level,
    sharedPath,
    openWorkDir: async (files) => {
      for (const name of Object.keys(files)) checkFileName(name);
      const base = await mkdtemp(join(tmpdir(), 'srcode-run-'));
      const uid = isRoot ? takeUid() : null;
      const work = join(base, 'work');
      await mkdir(work, { mode: 0o700 });
      await writeFiles(work, files);
      if (uid !== null) {
        await chmod(base, 0o711);
        await chown(work, uid, uid);
      }
      const context: RunContext = {
        options,
        prepared: await prepareRoot(options.readOnlyPaths ?? []),
        base,
        uid,
      };
      return {
        path: work,
        run: (job) => runOne(context, job),
        runSteps: (steps, signal) => runSteps(context, steps, signal),
        dispose: () => rm(base, { recursive: true, force: true, maxRetries: 2 }),
      };
    },
  };
}
