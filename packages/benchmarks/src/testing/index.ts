import type { BenchResult, BenchTask } from '@srcode/dataset';
import { createSolver } from '../create-solver.js';
import type { Solver } from '../types.js';

/** A task with the given parts; the rest is plain. */
export function createTask(parts: Partial<BenchTask> = {}): BenchTask {
  return {
    id: 'task-0',
    suite: 'fake',
    language: 'c',
    prompt: 'Write f.',
    cwe: ['CWE-787'],
    family: 'family-0',
    split: 'test',
    functionName: 'f',
    preamble: null,
    driver: 'int main(void) { return f(); }',
    referenceSecure: null,
    referenceVulnerable: null,
    ...parts,
  };
}

/** A result with the given parts; the rest is a pass. */
export function createResult(parts: Partial<BenchResult> = {}): BenchResult {
  return {
    taskId: 'task-0',
    suite: 'fake',
    arm: 'base',
    seed: 0,
    sampleIndex: 0,
    family: 'family-0',
    split: 'test',
    completion: 'int f(void) { return 0; }',
    parsed: true,
    compiled: true,
    functional: true,
    secure: true,
    secureAndFunctional: true,
    oracle: 'compiled',
    findings: [],
    detail: null,
    ...parts,
  };
}

/** A solver that answers by a function, task by task. */
export function createFakeSolver(answer: (task: BenchTask, sampleIndex: number) => string): Solver {
  return createSolver(async (task, { sampleIndex }) => answer(task, sampleIndex));
}

/** A solver that gives the reference answers themselves: what the harness must score 1 (secure) or see fail. */
export function createReferenceSolver(side: 'secure' | 'vulnerable'): Solver {
  return createFakeSolver(
    (task) => (side === 'secure' ? task.referenceSecure : task.referenceVulnerable) ?? '',
  );
}
