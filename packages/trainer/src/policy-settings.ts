import { InputError } from '@srcode/core';
import type { LearningRateSchedule } from './maths/learning-rate.js';
import type { LossMean } from './maths/mean-weights.js';
import type { AdvantageNormalisation } from './maths/whiten.js';
import type { AdamWOptions } from './optimizer/adamw.js';

/**
 * How a reward becomes an advantage. It is part of the reward's definition: see `localCredit` and
 * `standardCredit`.
 */
export interface CreditSettings {
  /** Discount, in [0, 1]. */
  readonly gamma: number;
  /** GAE's λ, in [0, 1]. */
  readonly lambda: number;
  readonly normalise: AdvantageNormalisation;
  /** A linear value head on the hidden states. Without one all values are 0. */
  readonly critic: boolean;
  /**
   * Bound of a token's |advantage| after normalisation. Our choice, against hunks whose whole mass lies on one token (the place
   * where a check is missing): pushed down that hard, the token's probability goes to whatever else there is, mostly garbage.
   * Default: none.
   */
  readonly advantageClip?: number;
  /** Puts the advantage of the task's reward outside the clip; the KL term stays inside. */
  readonly outsideClip: boolean;
}

/**
 * Credit that stays on the rewarded token: A_t = r_t, scaled to unit size over rewarded tokens. Our choice for
 * token- and line-level rewards: their sign already says what is good, so no baseline is needed, and a critic
 * trained on a few hundred rollouts would add more noise than it removes.
 */
export const localCredit: CreditSettings = {
  gamma: 1,
  lambda: 0,
  normalise: 'scale',
  critic: false,
  outsideClip: false,
};

/**
 * Credit as PPO for language models commonly has it: γ = λ = 1, critic, whitening. Right for a reward on the last
 * token, which must reach the others; with a token-level reward it smears credit over every earlier token.
 */
export const standardCredit: CreditSettings = {
  gamma: 1,
  lambda: 1,
  normalise: 'whiten',
  critic: true,
  outsideClip: false,
};

/** The part of a policy-gradient step that PPO and GRPO share. */
export interface PolicyUpdateSettings {
  readonly learningRate: LearningRateSchedule;
  readonly optimizer?: AdamWOptions;
  /** Passes over the rollouts of a step. Default 1. */
  readonly epochs?: number;
  /** Rollouts per update. Default: all of the step. */
  readonly minibatchSize?: number;
  /** Rollouts per forward pass. Default 16. */
  readonly microBatchSize?: number;
  /** The ratio is clipped to [1 − clipLow, 1 + clipHigh]. Default 0.2 and 0.28. */
  readonly clipLow?: number;
  readonly clipHigh?: number;
  /** Token mean or sequence mean. Default `token`. */
  readonly lossMean?: LossMean;
  /**
   * Utility anchor: weight of the divergence from the reference on tokens without a reward of their own, as a loss
   * (k3). It holds what security does not concern. Default 0.
   */
  readonly anchorCoefficient?: number;
  /** Weight of the exact entropy, subtracted from the loss; needs the logits of every learnt token. Default 0. */
  readonly entropyCoefficient?: number;
  /** Ends the updates of a step once the mean k3 from the sampling policy exceeds this. Default: never. */
  readonly maxUpdateKl?: number;
}

export type EffectiveUpdateSettings = Required<Omit<PolicyUpdateSettings, 'minibatchSize'>> & {
  readonly minibatchSize: number;
};

/** The settings with defaults filled in. Throws `InputError` naming the one out of range. */
export function resolveUpdateSettings(
  settings: PolicyUpdateSettings,
  rolloutsPerStep: number,
): EffectiveUpdateSettings {
  const effective = {
    optimizer: {},
    epochs: 1,
    minibatchSize: rolloutsPerStep,
    microBatchSize: 16,
    clipLow: 0.2,
    clipHigh: 0.28,
    lossMean: 'token',
    anchorCoefficient: 0,
    entropyCoefficient: 0,
    maxUpdateKl: Number.POSITIVE_INFINITY,
    ...settings,
  } as const;
  const least: Readonly<Record<string, readonly [number, number]>> = {
    epochs: [effective.epochs, 1],
    minibatchSize: [effective.minibatchSize, 1],
    microBatchSize: [effective.microBatchSize, 1],
    clipLow: [effective.clipLow, 0],
    clipHigh: [effective.clipHigh, 0],
    anchorCoefficient: [effective.anchorCoefficient, 0],
    entropyCoefficient: [effective.entropyCoefficient, 0],
    maxUpdateKl: [effective.maxUpdateKl, 0],
  };
  for (const [name, [value, minimum]] of Object.entries(least)) {
    if (value >= minimum) continue;
    throw new InputError({
      code: 'TRAINER_OPTION_RANGE',
      message: `Expected ${name} to be at least ${minimum}, got ${value}.`,
      context: { name, value },
    });
  }
  return effective;
}
