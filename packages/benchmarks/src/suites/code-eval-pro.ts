import { availableParallelism } from 'node:os';
import { runSandboxed } from '@srcode/analyzers';
import { EnvironmentError, type ProgressEvent, type Rng, throwIfCancelled } from '@srcode/core';
import { z } from 'zod';
import { extractAnswer } from '../extract-answer.js';
import { readItems } from '../internal/read-items.js';
import type { Sample, SolveOptions } from '../types.js';

const itemSchema = z.looseObject({
  id: z.union([z.number(), z.string()]),
  raw_problem: z.string(),
  raw_solution: z.string(),
  new_problem: z.string(),
  new_solution: z.string(),
  test_code: z.string(),
});

/** A Python problem that builds on another one: HumanEval Pro, MBPP Pro. */
export interface ProTask {
  readonly id: string;
  readonly prompt: string;
  readonly rawProblem: string;
  readonly rawSolution: string;
  readonly newProblem: string;
  readonly newSolution: string;
  readonly testCode: string;
}

/** Problems of a CodeEval-Pro file. Throws `InputError` on a malformed one. */
export async function loadCodeEvalPro(path: string, suite: 'humaneval-pro' | 'mbpp-pro'): Promise<ProTask[]> {
  return (await readItems(path, itemSchema)).map((item) => ({
    id: `${suite}-${item.id}`,
    prompt: `Write a solution of the Python problem below that uses the function above it. Answer with the code of both.\n\n${item.raw_problem}\n${item.new_problem}`,
    rawProblem: item.raw_problem,
    rawSolution: item.raw_solution,
    newProblem: item.new_problem,
    newSolution: item.new_solution,
    testCode: item.test_code,
  }));
}

/** Exit status of a program whose tests ran to the end; not 0, so that `sys.exit(0)` in an answer is no pass. */
const passStatus = 93;

function lastDefinition(problem: string): string | null {
  return [...problem.matchAll(/^def\s+(\w+)/gm)].at(-1)?.[1] ?? null;
}

/**
 * The program of an answer: with what the answer leaves out (the first function, or the head of the second) put in front,
 * and the tests behind.
 */
export function assembleProProgram(task: ProTask, answer: string): string {
  const defines = (problem: string): boolean => {
    const name = lastDefinition(problem);
    return name !== null && new RegExp(`^def\\s+${name}\\b`, 'm').test(answer);
  };
  const imports = task.rawProblem
    .split('\n')
    .filter((line) => /^(?:from|import)\s/.test(line))
    .join('\n');
  const first = defines(task.rawProblem) ? imports : `${task.rawProblem}${task.rawSolution}`;
  const second = defines(task.newProblem) ? '' : task.newProblem;
  return `${first}\n${second}${answer}\n${task.testCode}\nimport os as srcode_os\nsrcode_os._exit(${passStatus})\n`;
}

export interface ProResult {
  readonly taskId: string;
  readonly sampleIndex: number;
  /** The answer as written. */
  readonly raw: boolean;
  /** The code extracted from the answer. */
  readonly sanitized: boolean;
  readonly detail: string | null;
}

async function runPython(program: string, signal: AbortSignal | undefined): Promise<string | null> {
  const result = await runSandboxed({
    command: 'python3',
    args: ['-I', '-B', 'program.py'],
    files: { 'program.py': program },
    cpuMs: 5000,
    timeoutMs: 20_000,
    memoryBytes: 2 ** 30,
    maxOutputBytes: 64 * 1024,
    ...(signal === undefined ? {} : { signal }),
  });
  if (result.exitCode === passStatus) return null;
  if (result.timedOut || result.signal === 'SIGXCPU') return 'timeout';
  return result.stderr.trim().split('\n').at(-1)?.slice(0, 200) || `exit ${result.exitCode ?? result.signal}`;
}

async function judge(task: ProTask, sample: Sample, signal: AbortSignal | undefined): Promise<ProResult> {
  const sanitizedAnswer = extractAnswer(sample.completion);
  const raw = await runPython(assembleProProgram(task, sample.completion), signal);
  const sanitized =
    sanitizedAnswer === sample.completion
      ? raw
      : await runPython(assembleProProgram(task, sanitizedAnswer), signal);
  return {
    taskId: task.id,
    sampleIndex: sample.sampleIndex,
    raw: raw === null,
    sanitized: sanitized === null,
    detail: sanitized,
  };
}

async function requirePython(): Promise<void> {
  const result = await runSandboxed({ command: 'python3', args: ['--version'] });
  if (result.exitCode !== 0)
    throw new EnvironmentError({
      code: 'PYTHON_MISSING',
      message:
        "Expected python3 in /usr/bin for HumanEval Pro and MBPP Pro, found none in the sandbox. Install it with the system's package manager.",
    });
}

export interface RunCodeEvalProOptions {
  readonly tasks: readonly ProTask[];
  readonly solver: (
    tasks: readonly Pick<ProTask, 'id' | 'prompt'>[],
    options: SolveOptions,
  ) => AsyncIterable<Sample>;
  readonly rng: Rng;
  /** Default 1. */
  readonly samplesPerTask?: number;
  readonly signal?: AbortSignal;
}

/**
 * Runs HumanEval Pro or MBPP Pro: Python tests in the sandbox, on each answer as written and with its code extracted
 * (both are reported; the suite's own authors report the higher). Throws `EnvironmentError` without Python.
 */
export async function* runCodeEvalPro(
  options: RunCodeEvalProOptions,
): AsyncGenerator<ProgressEvent, readonly ProResult[]> {
  await requirePython();
  const byId = new Map(options.tasks.map((task) => [task.id, task]));
  const samplesPerTask = options.samplesPerTask ?? 1;
  const total = options.tasks.length * samplesPerTask;
  const results: ProResult[] = [];
  let batch: Promise<ProResult>[] = [];
  const size = 4 * availableParallelism();
  const solved = options.solver(options.tasks, {
    samplesPerTask,
    rng: options.rng,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const report = (): ProgressEvent => ({
    type: 'progress',
    stage: 'samples',
    completed: results.length,
    total,
    metrics: {
      functional: results.filter(({ sanitized }) => sanitized).length / Math.max(1, results.length),
    },
  });
  for await (const sample of solved) {
    throwIfCancelled(options.signal);
    const task = byId.get(sample.taskId);
    if (!task) continue;
    const judged = judge(task, sample, options.signal);
    // Awaited with its batch; until then a failure must not count as unhandled.
    judged.catch(() => {});
    batch.push(judged);
    if (batch.length < size) continue;
    results.push(...(await Promise.all(batch)));
    batch = [];
    yield report();
  }
  results.push(...(await Promise.all(batch)));
  yield report();
  return results;
}
