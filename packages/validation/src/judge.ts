import type { ValidationInput } from './types.js';

/** What a judge says of a pair. */
export interface JudgeOpinion {
  readonly accept: boolean;
  /** In [0, 1], or null where the judge has none. */
  readonly confidence: number | null;
  readonly reason: string;
}

/**
 * An opinion from outside, such as a model or an analyzer, asked about pairs that pass all checks.
 * This package brings none.
 */
export interface Judge {
  readonly name: string;
  judge(record: ValidationInput, signal?: AbortSignal): Promise<JudgeOpinion>;
}
