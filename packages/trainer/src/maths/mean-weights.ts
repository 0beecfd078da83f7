/** How a batch of token losses becomes one number. */
export type LossMean =
  /** Σ over all tokens of the batch / number of tokens: a long completion weighs more than a short one. */
  | 'token'
  /** Mean over sequences of the mean over their tokens: every completion weighs the same. */
  | 'sequence';

/**
 * One weight per token, concatenated row by row, with Σ = 1 over the batch.
 *
 * `loss = Σ weight·tokenLoss`. The weights of a micro-batch are the slice that belongs to its rows, so that
 * accumulating over micro-batches gives the gradient of the whole batch.
 */
export function meanWeights(lengths: readonly number[], how: LossMean): Float32Array {
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const rows = lengths.filter((length) => length > 0).length;
  const weights = new Float32Array(total);
  let at = 0;
  for (const length of lengths) {
    weights.fill(how === 'token' ? 1 / total : 1 / (rows * length), at, at + length);
    at += length;
  }
  return weights;
}

/** Arithmetic mean; 0 for an empty list. */
export function meanOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return values.length === 0 ? 0 : sum / values.length;
}

/** Share of the variance of `returns` that `values` explain: 1 − Var(returns − values)/Var(returns); 0 without variance. */
export function explainedVariance(values: Float32Array, returns: Float32Array): number {
  const variance = (x: ArrayLike<number>): number => {
    const mean = meanOf(x);
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += (x[i]! - mean) ** 2;
    return x.length === 0 ? 0 : sum / x.length;
  };
  const total = variance(returns);
  return total < 1e-12 ? 0 : 1 - variance(returns.map((r, i) => r - values[i]!)) / total;
}
