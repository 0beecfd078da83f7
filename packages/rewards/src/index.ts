export { buildHunks, type RewardHunk } from './build-hunks.js';
export {
  createInstanceReward,
  createLineReward,
  createTokenReward,
  type PureRewardStrategy,
} from './create-rewards.js';
export { RewardInputError } from './errors.js';
export { type MassSpan, mapSpansToTokens, type TokenOffsets } from './map-spans-to-tokens.js';
export { type HunkMatch, matchRollout, type RolloutMatch, type SilentReason } from './match-rollout.js';
export type { RewardOptions } from './options.js';
export type { Placement } from './place-rewards.js';
export { type ReferenceTag, tagReference } from './tag-reference.js';
export type { Completion, RewardPair, RewardStrategy, TokenRewards } from './types.js';
