import { explainedVariance, meanOf } from '../maths/mean-weights.js';
import { measureAdvantageLocality } from '../maths/whiten.js';
import type { RolloutReward, SampledRollout } from './rollout.js';
import { concat, type LearningRollout } from './update-policy.js';

/**
 * Figures of one step's rollouts, before the update:
 *
 * - `reward`: mean total; `rewardSecureShare`: positive share of the absolute reward mass (0 without any);
 * - `kl`: mean of log π − log π_ref per token (k1, nats); `klMax`: largest k3 of a token;
 * - `entropy`: −mean log π of the sampled tokens, an unbiased estimate of the policy's entropy per token (nats);
 * - `explainedVariance` of the value head; `responseLength`: mean tokens; `stopRate`: share that ended by itself;
 * - `advantageLocality`: share of the absolute advantage on tokens that carry a reward of their own.
 */
export function measureRollouts(
  rollouts: readonly SampledRollout[],
  rewards: readonly RolloutReward[],
  learning: readonly LearningRollout[],
): Record<string, number> {
  const rewardValues = concat(rewards.map((reward) => reward.values));
  let positive = 0;
  let absolute = 0;
  for (const value of rewardValues) {
    absolute += Math.abs(value);
    positive += Math.max(0, value);
  }
  const logProbs = concat(learning.map((rollout) => rollout.oldLogProbs));
  const reference = concat(learning.map((rollout) => rollout.referenceLogProbs));
  const drift = logProbs.map((logProb, t) => logProb - reference[t]!);
  return {
    reward: meanOf(rewards.map((reward) => reward.total)),
    rewardSecureShare: absolute === 0 ? 0 : positive / absolute,
    kl: meanOf(drift),
    klMax: drift.reduce((max, d) => Math.max(max, Math.expm1(-d) + d), 0),
    entropy: -meanOf(logProbs),
    explainedVariance: explainedVariance(
      concat(learning.map((rollout) => rollout.oldValues)),
      concat(learning.map((rollout) => rollout.returns)),
    ),
    responseLength: meanOf(rollouts.map((rollout) => rollout.tokenIds.length)),
    stopRate: meanOf(rollouts.map((rollout) => (rollout.finishReason === 'stop' ? 1 : 0))),
    advantageLocality: measureAdvantageLocality(
      concat(
        learning.map(({ advantages, directAdvantages }) =>
          advantages.map((advantage, t) => advantage + (directAdvantages?.[t] ?? 0)),
        ),
      ),
      rewardValues,
    ),
  };
}
