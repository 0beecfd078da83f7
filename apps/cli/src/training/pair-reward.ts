import { InputError } from '@srcode/core';
import type { RewardSpan } from '@srcode/dataset';
import type { RewardPair, RewardStrategy } from '@srcode/rewards';
import type { RewardFunction } from '@srcode/trainer';

/** A reward function over pairs: each rollout is scored against the pair its prompt came from. */
export function createPairReward(
  pairs: ReadonlyMap<string, RewardPair>,
  strategy: RewardStrategy,
): RewardFunction {
  return async (rollouts) =>
    Promise.all(
      rollouts.map(async (rollout) => {
        const pair = pairs.get(rollout.sourceId);
        if (pair === undefined) {
          throw new InputError({
            code: 'REWARD_PAIR_MISSING',
            message: `Expected a pair for the prompt of "${rollout.sourceId}", found none. Prompts and pairs must come from the same dataset.`,
            context: { id: rollout.sourceId },
          });
        }
        const { values, total, spans } = await strategy.score(pair, {
          text: rollout.completion,
          tokenOffsets: rollout.tokenOffsets,
        });
        return { values, total, spans: spans satisfies readonly RewardSpan[] };
      }),
    );
}
