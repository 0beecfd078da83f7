export type { TrainingSequence } from './batching/pack-sequences.js';
export type { Checkpoint, CheckpointStore, TensorRecord } from './checkpoint/checkpoint.js';
export { decodeCheckpoint, encodeCheckpoint } from './checkpoint/encode-checkpoint.js';
export { createFolderCheckpointStore } from './checkpoint/folder-checkpoint-store.js';
export type { CheckpointOptions, ResumedEvent } from './checkpoint/run-state.js';
export { computeGae, type GaeResult } from './maths/compute-gae.js';
export { estimateKl, type KlEstimator } from './maths/estimate-kl.js';
export { computeGroupAdvantages, type GroupCredit } from './maths/group-advantages.js';
export { type LearningRateSchedule, learningRateAt } from './maths/learning-rate.js';
export { explainedVariance, type LossMean, meanWeights } from './maths/mean-weights.js';
export {
  type AdvantageNormalisation,
  fitNormalisation,
  maskedMoments,
  measureAdvantageLocality,
  type Normalisation,
  normaliseAdvantages,
  whiten,
} from './maths/whiten.js';
export { type MetricsEvent, toMetricsRecord } from './metrics/metrics.js';
export { TensorBoardWriter } from './metrics/tensorboard.js';
export { trimJsonl } from './metrics/trim-jsonl.js';
export { AdamW, type AdamWOptions } from './optimizer/adamw.js';
export { ValueHead } from './optimizer/value-head.js';
export {
  type CreditSettings,
  localCredit,
  type PolicyUpdateSettings,
  standardCredit,
} from './policy-settings.js';
export type {
  GenerateFunction,
  RewardFunction,
  RolloutPrompt,
  RolloutReward,
  RolloutsEvent,
  SampledRollout,
  SamplingSettings,
} from './rollouts/rollout.js';
export { type SequenceScores, scoreSequences } from './rollouts/score-sequences.js';
export type { ReplayOptions } from './rollouts/update-policy.js';
export { evaluateLoss, type SftExample } from './supervised.js';
export { type GrpoOptions, type GrpoSettings, trainGrpo } from './train-grpo.js';
export {
  type PolicyEvent,
  type PolicyResult,
  type PolicyRunOptions,
  type PpoOptions,
  type PpoSettings,
  trainPpo,
} from './train-ppo.js';
export {
  type SftEvent,
  type SftOptions,
  type SftResult,
  type SftRunOptions,
  trainSft,
} from './train-sft.js';
