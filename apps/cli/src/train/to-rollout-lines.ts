import type { RewardSpan } from '@srcode/dataset';
import type { RolloutReward, RolloutsEvent } from '@srcode/trainer';

/** The lines of a rollout log: each sampled answer with its token ids and per-token rewards, as the report reads them. */
export function* toRolloutLines(
  event: RolloutsEvent,
  strategy: string,
): Generator<{ readonly step: number }> {
  for (const [index, rollout] of event.rollouts.entries()) {
    const reward = event.rewards[index]! as RolloutReward & { readonly spans?: readonly RewardSpan[] };
    const { id, sourceId, promptText, completion, tokenIds, tokenOffsets, logProbs } = rollout;
    const line = {
      step: event.step,
      rollout: {
        id,
        sourceId,
        prompt: promptText,
        completion,
        tokenIds: [...tokenIds],
        tokenOffsets: tokenOffsets.map(([start, end]) => [start, end]),
        logProbs: [...logProbs],
      },
      rewards: {
        rolloutId: id,
        strategy,
        values: [...reward.values],
        spans: [...(reward.spans ?? [])],
        total: reward.total,
      },
      pairId: sourceId,
    };
    yield line;
  }
}
