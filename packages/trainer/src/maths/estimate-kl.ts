import { InputError } from '@srcode/core';

/** Names as in Schulman, "Approximating KL divergence" (2020). */
export type KlEstimator = 'k1' | 'k2' | 'k3';

/**
 * Per-token estimates [T], in nats, of KL(policy ‖ reference) at tokens sampled from the policy.
 *
 * With `d = log π − log π_ref`: k1 = d (unbiased, may be negative), k2 = d²/2 (biased, low variance),
 * k3 = e^{−d} − 1 + d (unbiased, never negative).
 */
export function estimateKl(
  logProbs: Float32Array,
  referenceLogProbs: Float32Array,
  estimator: KlEstimator = 'k1',
): Float32Array {
  if (logProbs.length !== referenceLogProbs.length) {
    throw new InputError({
      code: 'TRAINER_LENGTH_MISMATCH',
      message: `estimateKl expects log-probabilities of the same tokens, got ${logProbs.length} and ${referenceLogProbs.length}.`,
    });
  }
  return logProbs.map((logProb, t) => {
    const d = logProb - referenceLogProbs[t]!;
    if (estimator === 'k1') return d;
    return estimator === 'k2' ? (d * d) / 2 : Math.expm1(-d) + d;
  });
}
