import type { Rng } from '@srcode/core';
import type { BenchResult, BenchTask } from '@srcode/dataset';

/** One answer of the system under test to one task. */
export interface Sample {
  readonly taskId: string;
  /** 0 … samplesPerTask − 1. */
  readonly sampleIndex: number;
  /** As the model wrote it, fences and prose included. */
  readonly completion: string;
}

export interface SolveOptions {
  readonly samplesPerTask: number;
  /**
   * Draw each sample from `rng.fork(taskId, sampleIndex)`, so that a resumed run gives what an uninterrupted one gives.
   */
  readonly rng: Rng;
  readonly signal?: AbortSignal;
}

/** The system under test: answers tasks, in any order, a sample at a time. */
export type Solver = (tasks: readonly BenchTask[], options: SolveOptions) => AsyncIterable<Sample>;

/** A sample with its task and the code found in it. */
export interface ScoredInput {
  readonly task: BenchTask;
  readonly sample: Sample;
  readonly code: string;
}

/** What a scorer adds to a result. Later scorers see nothing of earlier ones; findings are concatenated. */
export type Score = Partial<
  Pick<BenchResult, 'parsed' | 'compiled' | 'functional' | 'secure' | 'findings' | 'detail'>
>;

/** Judges samples, a batch at a time. */
export interface Scorer {
  readonly name: string;
  /** One score per input, in order. */
  score(inputs: readonly ScoredInput[], signal?: AbortSignal): Promise<readonly Score[]>;
}
