import type { Rng } from '@srcode/core';

export interface SampleTokenOptions {
  /** 0 = greedy. */
  readonly temperature: number;
  /** 0 = off. */
  readonly topK: number;
  /** 1 = off. */
  readonly topP: number;
}

/**
 * One token drawn from `logits` [V], and its natural log-probability at temperature 1 without truncation.
 *
 * Order as in transformers: temperature, then top-k, then top-p (the smallest set of the most likely tokens whose
 * probability reaches p). Ties: every token equal to the last one kept is kept; greedy takes the lowest id.
 */
export function sampleToken(
  logits: Float32Array,
  options: SampleTokenOptions,
  rng: Rng,
): { readonly tokenId: number; readonly logProb: number } {
  const { temperature, topK, topP } = options;
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i;
  const max = logits[best]!;
  const weights = new Float64Array(logits.length);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    const weight = Math.exp(logits[i]! - max);
    weights[i] = weight;
    sum += weight;
  }
  const logProbOf = (tokenId: number) => logits[tokenId]! - max - Math.log(sum);
  if (temperature === 0) return { tokenId: best, logProb: logProbOf(best) };
  if (temperature !== 1)
    for (let i = 0; i < logits.length; i++) weights[i] = Math.exp((logits[i]! - max) / temperature);
  const least = threshold(weights, topK, topP);
  const tokenId = draw(weights, least, rng);
  return { tokenId, logProb: logProbOf(tokenId) };
}

/** An index drawn in proportion to the weights that are at least `least`. */
function draw(weights: Float64Array, least: number, rng: Rng): number {
  let total = 0;
  for (let i = 0; i < weights.length; i++) if (weights[i]! >= least) total += weights[i]!;
  const target = rng.nextFloat() * total;
  let reached = 0;
  let last = 0;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i]! < least || weights[i] === 0) continue;
    reached += weights[i]!;
    last = i;
    if (reached > target) return i;
  }
  return last;
}

/** The smallest weight that top-k and top-p leave in. */
function threshold(weights: Float64Array, topK: number, topP: number): number {
  if ((topK <= 0 || topK >= weights.length) && topP >= 1) return 0;
  const sorted = Float64Array.from(weights).sort().reverse();
  const kept = topK > 0 ? sorted.subarray(0, topK) : sorted;
  if (topP >= 1) return kept.at(-1)!;
  const total = kept.reduce((sum, weight) => sum + weight, 0);
  let reached = 0;
  for (const weight of kept) {
    reached += weight;
    if (reached >= topP * total) return weight;
  }
  return kept.at(-1)!;
}
