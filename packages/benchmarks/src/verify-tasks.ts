import type { CompiledOracle } from '@srcode/analyzers';
import { type ProgressEvent, throwIfCancelled } from '@srcode/core';
import type { BenchTask } from '@srcode/dataset';

/** Why a task cannot be trusted to judge. */
export interface TaskProblem {
  readonly taskId: string;
  readonly code:
    | 'secure-not-compiled'
    | 'secure-not-functional'
    | 'secure-not-secure'
    | 'vulnerable-not-compiled'
    | 'vulnerable-not-functional'
    | 'vulnerable-passes-security';
  readonly detail: string | null;
}

export interface TaskVerification {
  /** Tasks with a driver and at least one reference. */
  readonly checked: number;
  /** Tasks that have nothing to check. */
  readonly skipped: number;
  readonly problems: readonly TaskProblem[];
}

export interface VerifyTasksOptions {
  readonly oracle: CompiledOracle;
  /** Tasks checked together. Default 16. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
}

async function verifyTask(task: BenchTask, options: VerifyTasksOptions): Promise<TaskProblem[]> {
  const problems: TaskProblem[] = [];
  const { driver, preamble, language, referenceSecure, referenceVulnerable } = task;
  if (driver === null) return problems;
  const judge = (code: string) =>
    options.oracle.evaluate({ driver, preamble, language, code }, options.signal);
  const add = (code: TaskProblem['code'], detail: string | null): void => {
    problems.push({ taskId: task.id, code, detail });
  };
  if (referenceSecure !== null) {
    const verdict = await judge(referenceSecure);
    if (!verdict.compiled) add('secure-not-compiled', verdict.detail);
    else {
      if (!verdict.functional) add('secure-not-functional', verdict.detail);
      if (!verdict.secure) add('secure-not-secure', verdict.detail);
    }
  }
  if (referenceVulnerable !== null) {
    const verdict = await judge(referenceVulnerable);
    if (!verdict.compiled) add('vulnerable-not-compiled', verdict.detail);
    else {
      if (!verdict.functional) add('vulnerable-not-functional', verdict.detail);
      if (verdict.secure) add('vulnerable-passes-security', null);
    }
  }
  return problems;
}

/**
 * Checks the harness before any number is believed: the secure reference passes both tests, the vulnerable one passes
 * function and fails security. Yields progress, returns the problems; a bad task is a result, not an exception.
 */
export async function* verifyTasks(
  tasks: readonly BenchTask[],
  options: VerifyTasksOptions,
): AsyncGenerator<ProgressEvent, TaskVerification> {
  const checkable = tasks.filter(
    (task) => task.driver !== null && (task.referenceSecure !== null || task.referenceVulnerable !== null),
  );
  const problems: TaskProblem[] = [];
  const size = options.batchSize ?? 16;
  for (let start = 0; start < checkable.length; start += size) {
    throwIfCancelled(options.signal);
    const batch = checkable.slice(start, start + size);
    for (const found of await Promise.all(batch.map((task) => verifyTask(task, options))))
      problems.push(...found);
    yield {
      type: 'progress',
      stage: 'verify-tasks',
      completed: start + batch.length,
      total: checkable.length,
      metrics: { problems: problems.length },
    };
  }
  return { checked: checkable.length, skipped: tasks.length - checkable.length, problems };
}
