import type { RewardSpan } from '@srcode/dataset';

/** The pair that a prompt was made from: what the reward compares a rollout with. */
export interface RewardPair {
  readonly id: string;
  readonly vulnerable: string;
  readonly secure: string;
}

/** One completion, as sampled. */
export interface Completion {
  readonly text: string;
  /** Span [start, end) of each completion token in `text`, UTF-16 code units. */
  readonly tokenOffsets: readonly (readonly [number, number])[];
}

/** Rewards of one completion. Σ values = total to 1e-6. */
export interface TokenRewards {
  /** One per completion token, dimensionless. */
  readonly values: Float32Array;
  readonly spans: readonly RewardSpan[];
  readonly total: number;
}

/** A named way to score a completion token by token. Pure and synchronous unless an analyzer is behind it. */
export interface RewardStrategy {
  readonly name: string;
  score(pair: RewardPair, completion: Completion): TokenRewards | Promise<TokenRewards>;
}
