export { buildHunks, type RewardHunk } from './build-hunks.js';
export {
  type AnalyzeFunction,
  type AnalyzerRewardOptions,
  createAnalyzerReward,
} from './create-analyzer-reward.js';
export {
  createInstanceReward,
  createLineReward,
  createTokenReward,
  type PureRewardStrategy,
} from './create-rewards.js';
export { createSumReward, type WeightedStrategy } from './create-sum-reward.js';
export { RewardInputError } from './errors.js';
export { explainRewards, type HunkExplanation, type RewardExplanation } from './explain-rewards.js';
export {
  type AnsiHeatMapOptions,
  type HeatMapSegment,
  heatMapSegments,
  renderAnsiHeatMap,
} from './heat-map.js';
export {
  type LintRewardsOptions,
  type LintSide,
  type LintTokenizer,
  type LintTrouble,
  type LintTroubleKind,
  lintRewards,
  type RewardLintReport,
} from './lint-rewards.js';
export { type MassSpan, mapSpansToTokens, type TokenOffsets } from './map-spans-to-tokens.js';
export { type HunkMatch, matchRollout, type RolloutMatch, type SilentReason } from './match-rollout.js';
export type { RewardOptions } from './options.js';
export type { Placement } from './place-rewards.js';
export { createRewardApp, type RewardAppOptions } from './server/create-reward-app.js';
export {
  createRewardServer,
  type RewardServer,
  type RewardServerOptions,
} from './server/create-reward-server.js';
export { type SftTokenWeightsOptions, sftTokenWeights } from './sft-token-weights.js';
export { type ReferenceTag, tagReference } from './tag-reference.js';
export type { Completion, RewardPair, RewardStrategy, TokenRewards } from './types.js';
