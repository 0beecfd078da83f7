import { InputError } from '@srcode/core';
import type { RewardSpan } from '@srcode/dataset';
import type { RewardPair, RewardStrategy } from '@srcode/rewards';
import type { RewardFunction } from '@srcode/trainer';

/**
 * A reward function over pairs: each rollout is scored against the pair its prompt came from. `openingOf` gives the text that
 * the prompt had begun the answer with: the whole is scored, and the rewards are those of the sampled tokens.
 */
export function createPairReward(
  pairs: ReadonlyMap<string, RewardPair>,
  strategy: RewardStrategy,
  openingOf: (pair: RewardPair) => string = () => '',
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
        const opening = openingOf(pair);
        const shift = opening.length;
        const tokenOffsets = rollout.tokenOffsets.map(
          ([start, end]) => [start + shift, end + shift] as const,
        );
        const { values, total, spans } = await strategy.score(pair, {
          text: opening + rollout.completion,
          tokenOffsets,
        });
        return { values, total, spans: shiftSpans(spans, -shift) };
      }),
    );
}

function shiftSpans(spans: readonly RewardSpan[], by: number): RewardSpan[] {
  return spans
    .filter((span) => span.start + by >= 0)
    .map((span) => ({ ...span, start: span.start + by, end: span.end + by }));
}
