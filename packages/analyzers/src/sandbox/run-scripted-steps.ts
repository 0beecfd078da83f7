import { mkdir, open, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProcess } from '../internal/run-process.js';
import { buildFstab, unsharePrefix } from './build-command.js';
import { buildStepsScript, type StepPlan } from './build-steps-script.js';
import { decodeExit } from './decode-exit.js';
import {
  cpuSecondsOf,
  type RunContext,
  sandboxDefaults,
  scrubbedEnvironment,
  throwIfSetupFailed,
  type WorkDirStep,
} from './run-context.js';
import type { SandboxResult } from './types.js';

function planStep(step: WorkDirStep): StepPlan {
  return {
    command: step.command,
    args: step.args,
    env: step.env ?? {},
    access: step.access ?? 'read-write',
    cpuSeconds: cpuSecondsOf(step),
    memoryBytes: step.memoryBytes,
    fileSizeBytes: step.fileSizeBytes ?? sandboxDefaults.fileSizeBytes,
    maxProcesses: step.maxProcesses ?? sandboxDefaults.maxProcesses,
    stopOnFailure: step.stopOnFailure ?? false,
  };
}

/** The first bytes of a file that a hostile program filled. */
async function readHead(path: string, maxBytes: number): Promise<string> {
  const handle = await open(path, 'r').catch(() => null);
  if (!handle) return '';
  try {
    const buffer = Buffer.alloc(Math.min(maxBytes, (await handle.stat()).size));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** The result of a step from what the script left; null when it did not come to its end. */
async function collectStep(out: string, index: number, step: WorkDirStep): Promise<SandboxResult | null> {
  const status = await readFile(join(out, `${index}.status`), 'utf8').catch(() => '');
  if (!/^\d+\n$/.test(status)) return null;
  const maxOutputBytes = step.maxOutputBytes ?? sandboxDefaults.maxOutputBytes;
  const files = [join(out, `${index}.out`), join(out, `${index}.err`)] as const;
  const exit = decodeExit({ exitCode: Number(status), signal: null });
  const sizes = await Promise.all(files.map(sizeOf));
  return {
    ...exit,
    stdout: await readHead(files[0], maxOutputBytes),
    stderr: await readHead(files[1], maxOutputBytes),
    timedOut: false,
    // Output goes to files here: what passes the cap is not kept, what passes the file size ends the program.
    outputExceeded:
      sizes.some((size) => size > maxOutputBytes) ||
      (exit.signal === 'SIGXFSZ' && Math.max(...sizes) >= maxOutputBytes),
  };
}

/**
 * Results of the steps that one script in one set of namespaces brought to their end, and of the one that the wall clock
 * ended, if any. Throws `SandboxFailedError` and `CancelledError`.
 */
export async function runScriptedSteps(
  context: RunContext,
  steps: readonly WorkDirStep[],
  signal: AbortSignal | undefined,
): Promise<SandboxResult[]> {
  const { options, prepared, base, uid } = context;
  const out = join(base, 'out');
  const paths = {
    root: prepared.root,
    fstab: join(base, 'fstab-steps'),
    failure: join(base, 'failure'),
    out,
  };
  await mkdir(out, { mode: 0o700, recursive: true });
  const mounts = {
    workDir: join(base, 'work'),
    workDirAccess: 'read-write',
    sharedDir: options.sharedDir ?? null,
  } as const;
  await writeFile(paths.fstab, buildFstab(mounts, prepared.root, prepared.exists));
  const [command, ...args] = unsharePrefix(uid);
  const result = await runProcess({
    command: command!,
    args: [...args, 'sh', '-c', buildStepsScript(steps.map(planStep), uid, paths)],
    cwd: mounts.workDir,
    env: scrubbedEnvironment('/tmp'),
    timeoutMs: steps.reduce((sum, step) => sum + (step.timeoutMs ?? sandboxDefaults.timeoutMs), 0),
    maxOutputBytes: 64 * 1024,
    ...(signal === undefined ? {} : { signal }),
  });
  await throwIfSetupFailed('unshare', result, paths.failure);
  const results: SandboxResult[] = [];
  for (const [index, step] of steps.entries()) {
    const collected = await collectStep(out, index, step);
    if (collected) {
      results.push(collected);
      continue;
    }
    if (result.timedOut && results.length === index)
      results.push({
        exitCode: null,
        signal: 'SIGKILL',
        stdout: '',
        stderr: '',
        timedOut: true,
        outputExceeded: false,
      });
    break;
  }
  return results;
}
