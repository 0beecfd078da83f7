import { meanOf } from './mean-weights.js';

/** How a group of completions of one prompt is compared. */
export type GroupCredit =
  /** One number for all tokens of a completion: (total − mean) / std over the group's totals. As GRPO has it. */
  | 'sequence'
  /** The normalised rewards still to come: Σ_{s ≥ t} r̃_s. DeepSeekMath's process supervision, per token. */
  | 'future'
  /** The token's own normalised reward r̃_t; 0 on tokens without a reward. Our choice. */
  | 'local';

/**
 * Advantages of one group, one array per completion, from its token rewards.
 *
 * `sequence`: Shao et al. 2024 (GRPO), outcome supervision. `future` and `local` normalise the *token* rewards,
 * r̃ = (r − mean)/std over all rewarded (non-zero) tokens of the group; tokens without a reward stay 0. The first
 * is their process supervision with tokens as steps; restricting mean and std to rewarded tokens, and `local`, are
 * our choice. A group without contrast (all rewards equal, or fewer than two) gives 0: there is nothing to learn.
 */
export function computeGroupAdvantages(
  rewards: readonly Float32Array[],
  credit: GroupCredit,
  epsilon = 1e-4,
): Float32Array[] {
  if (credit === 'sequence') {
    const totals = rewards.map((values) => values.reduce((sum, value) => sum + value, 0));
    const { mean, std } = moments(totals);
    return rewards.map((values, i) =>
      new Float32Array(values.length).fill((totals[i]! - mean) / (std + epsilon)),
    );
  }
  const rewarded = rewards.flatMap((values) => [...values].filter((value) => value !== 0));
  const { mean, std } = moments(rewarded);
  const own = rewards.map((values) =>
    values.map((value) => (value === 0 ? 0 : (value - mean) / (std + epsilon))),
  );
  if (credit === 'local') return own;
  return own.map((values) => {
    const sums = values.slice();
    for (let t = sums.length - 2; t >= 0; t--) sums[t]! += sums[t + 1]!;
    return sums;
  });
}

function moments(values: readonly number[]): { readonly mean: number; readonly std: number } {
  const mean = meanOf(values);
  return { mean, std: Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2))) };
}
