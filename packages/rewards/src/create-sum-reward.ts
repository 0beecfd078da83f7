import type { RewardSpan } from '@srcode/dataset';
import { RewardInputError } from './errors.js';
import { roundPreservingSum } from './map-spans-to-tokens.js';
import type { Completion, RewardPair, RewardStrategy, TokenRewards } from './types.js';

/** A strategy and what its rewards are multiplied by. */
export interface WeightedStrategy {
  readonly strategy: RewardStrategy;
  /** Default 1. */
  readonly weight?: number;
}

/**
 * The weighted sum of several strategies, token by token; spans are kept with their values scaled.
 *
 * @throws RewardInputError without parts, or when a part returns another number of values than there are tokens
 */
export function createSumReward(parts: readonly (RewardStrategy | WeightedStrategy)[]): RewardStrategy {
  const weighted = parts.map((part) => ('strategy' in part ? part : { strategy: part }));
  if (weighted.length === 0) {
    throw new RewardInputError({
      code: 'REWARDS_NO_PARTS',
      message: 'Expected at least one strategy to sum, got none.',
    });
  }
  return {
    name: `sum(${weighted.map(({ strategy, weight }) => (weight === undefined ? strategy.name : `${weight}*${strategy.name}`)).join('+')})`,
    async score(pair, completion) {
      const scored = await Promise.all(weighted.map(({ strategy }) => strategy.score(pair, completion)));
      return addRewards(scored, weighted, pair, completion);
    },
  };
}

function addRewards(
  scored: readonly TokenRewards[],
  parts: readonly WeightedStrategy[],
  pair: RewardPair,
  completion: Completion,
): TokenRewards {
  const sums = new Float64Array(completion.tokenOffsets.length);
  const spans: RewardSpan[] = [];
  let total = 0;
  for (const [p, rewards] of scored.entries()) {
    const weight = parts[p]!.weight ?? 1;
    if (rewards.values.length !== sums.length) {
      throw new RewardInputError({
        code: 'REWARDS_LENGTH_MISMATCH',
        message: `Expected ${sums.length} values from strategy "${parts[p]!.strategy.name}" for pair "${pair.id}", one per token, got ${rewards.values.length}.`,
        context: { pair: pair.id, strategy: parts[p]!.strategy.name },
      });
    }
    for (let i = 0; i < sums.length; i++) sums[i] = sums[i]! + weight * rewards.values[i]!;
    for (const span of rewards.spans) spans.push({ ...span, value: weight * span.value });
    total += weight * rewards.total;
  }
  return { values: roundPreservingSum(sums, total), spans, total };
}
