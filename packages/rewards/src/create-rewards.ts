import { assertTokenOffsets } from './map-spans-to-tokens.js';
import { matchPrepared } from './match-rollout.js';
import { type RewardOptions, resolveRewardOptions } from './options.js';
import { type Placement, placeRewards } from './place-rewards.js';
import type { Completion, RewardPair, RewardStrategy, TokenRewards } from './types.js';

/** A strategy whose `score` is synchronous. */
export interface PureRewardStrategy extends RewardStrategy {
  score(pair: RewardPair, completion: Completion): TokenRewards;
}

function createPlacedReward(placement: Placement, options: RewardOptions): PureRewardStrategy {
  const resolved = resolveRewardOptions(options);
  return {
    name: placement,
    score(pair, completion) {
      assertTokenOffsets(completion.tokenOffsets, completion.text.length);
      return placeRewards(matchPrepared(pair, completion.text, resolved), completion, placement);
    },
  };
}

/**
 * Token-level rewards: a hunk's mass is shared by the very tokens that realise its secure or vulnerable side.
 *
 * `score` throws RewardInputError on token offsets that are not spans of the text; it takes any text.
 */
export function createTokenReward(options: RewardOptions = {}): PureRewardStrategy {
  return createPlacedReward('token', options);
}

/** Line-level rewards: the same mass as token-level, shared by all tokens of the lines that hold the evidence. */
export function createLineReward(options: RewardOptions = {}): PureRewardStrategy {
  return createPlacedReward('line', options);
}

/** Instance-level rewards: the same total as token-level, all of it on the last token of the answer. */
export function createInstanceReward(options: RewardOptions = {}): PureRewardStrategy {
  return createPlacedReward('instance', options);
}
