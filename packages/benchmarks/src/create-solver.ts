import { type Rng, throwIfCancelled } from '@srcode/core';
import type { BenchTask } from '@srcode/dataset';
import type { Sample, Solver } from './types.js';

export interface AnswerOptions {
  readonly sampleIndex: number;
  /** This sample's own stream. */
  readonly rng: Rng;
  readonly signal?: AbortSignal;
}

/** A solver that asks `answer` for one sample after the other, each with its own random stream, so that runs resume. */
export function createSolver(answer: (task: BenchTask, options: AnswerOptions) => Promise<string>): Solver {
  return async function* solve(tasks, { samplesPerTask, rng, signal }): AsyncGenerator<Sample> {
    for (const task of tasks)
      for (let sampleIndex = 0; sampleIndex < samplesPerTask; sampleIndex++) {
        throwIfCancelled(signal);
        const completion = await answer(task, {
          sampleIndex,
          rng: rng.fork(task.id, sampleIndex),
          ...(signal === undefined ? {} : { signal }),
        });
        yield { taskId: task.id, sampleIndex, completion };
      }
  };
}
