/** One independent judgement of the final repair. */
export interface Vote {
  readonly verdict: 'accept' | 'revise' | 'reject';
  /** Probability in [0, 1] that the repair is right, as the teacher states it. */
  readonly confidence: number;
}

/**
 * Confidence of a repair in [0, 1]: the mean over the votes of `c` for an accepting vote and of
 * `min(c, 1 − c)` for any other, so that a teacher who is sure of its *rejection* does not raise it.
 * Null without votes. (Our choice, not the paper's.)
 */
export function combineVotes(votes: readonly Vote[]): number | null {
  if (votes.length === 0) return null;
  const sum = votes.reduce(
    (total, { verdict, confidence }) =>
      total + (verdict === 'accept' ? confidence : Math.min(confidence, 1 - confidence)),
    0,
  );
  return Math.round((sum / votes.length) * 1e6) / 1e6;
}
