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
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i;
  const max = logits[best]!;
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - max);
  const tokenId = options.temperature === 0 ? best : draw(logits, max, options, rng);
  return { tokenId, logProb: logits[tokenId]! - max - Math.log(sum) };
}

function draw(logits: Float32Array, max: number, options: SampleTokenOptions, rng: Rng): number {
  const { temperature, topK, topP } = options;
  const weights = new Float64Array(logits.length);
  for (let i = 0; i < logits.length; i++) weights[i] = Math.exp((logits[i]! - max) / temperature);
  const least = threshold(weights, topK, topP);
  let total = 0;
  for (const weight of weights) if (weight >= least) total += weight;
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
