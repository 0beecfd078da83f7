import { InputError } from '@srcode/core';

export interface GaeResult {
  /** [T] float32. */
  readonly advantages: Float32Array;
  /** [T] float32: `advantages + values`, the targets of the value head. */
  readonly returns: Float32Array;
}

/**
 * Generalised advantage estimates of one row (one completion), and the returns that the value head learns.
 *
 * `rewards` and `values` are [T]; the value after the last token is 0 (the episode ends there).
 *
 *     δ_t = r_t + γ·V_{t+1} − V_t
 *     A_t = δ_t + γ·λ·A_{t+1}            (Schulman et al. 2016, eq. 16)
 *
 * With γ = λ = 0 and values of 0 the advantage *is* the token's own reward. With γ = λ = 1 it is the sum of
 * all rewards from t on, less the value: credit reaches every earlier token.
 */
export function computeGae(
  rewards: Float32Array,
  values: Float32Array,
  gamma: number,
  lambda: number,
): GaeResult {
  if (rewards.length !== values.length) {
    throw new InputError({
      code: 'TRAINER_LENGTH_MISMATCH',
      message: `computeGae expects as many values as rewards, got ${values.length} values and ${rewards.length} rewards.`,
    });
  }
  for (const [name, value] of [
    ['gamma', gamma],
    ['lambda', lambda],
  ] as const) {
    if (!(value >= 0 && value <= 1)) {
      throw new InputError({
        code: 'TRAINER_OPTION_RANGE',
        message: `computeGae expects ${name} in [0, 1], got ${value}.`,
      });
    }
  }
  const length = rewards.length;
  const advantages = new Float32Array(length);
  const returns = new Float32Array(length);
  let next = 0;
  for (let t = length - 1; t >= 0; t--) {
    const valueAfter = t + 1 < length ? values[t + 1]! : 0;
    next = rewards[t]! + gamma * valueAfter - values[t]! + gamma * lambda * next;
    advantages[t] = next;
    returns[t] = next + values[t]!;
  }
  return { advantages, returns };
}
