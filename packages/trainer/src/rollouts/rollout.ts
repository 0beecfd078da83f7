import type { GeneratedSequence, GenerateOptions } from '@srcode/model';

/** What a rollout starts from. */
export interface RolloutPrompt {
  /** Record or task that the prompt came from; handed to the reward function. */
  readonly sourceId: string;
  readonly promptText: string;
  readonly promptIds: Int32Array;
}

/** One sampled answer, with the very ids that were sampled. */
export interface SampledRollout {
  /** `step<step>-<index>`. */
  readonly id: string;
  readonly sourceId: string;
  readonly promptText: string;
  readonly promptIds: Int32Array;
  /** Text of `tokenIds`, special tokens left out. */
  readonly completion: string;
  /** Includes the stop token when one was sampled. */
  readonly tokenIds: Int32Array;
  /** Span [start, end) of each token in `completion`, UTF-16 code units. */
  readonly tokenOffsets: readonly (readonly [number, number])[];
  /** Natural log-probabilities of `tokenIds` under the sampling policy at temperature 1. */
  readonly logProbs: Float32Array;
  readonly finishReason: 'stop' | 'length';
}

/** Reward of one rollout: one value per token of `tokenIds`, dimensionless; `total` is their sum. */
export interface RolloutReward {
  readonly values: Float32Array;
  readonly total: number;
}

/** Scores a batch of rollouts, in order. The trainer neither knows nor cares how. */
export type RewardFunction = (
  rollouts: readonly Pick<
    SampledRollout,
    'sourceId' | 'promptText' | 'completion' | 'tokenIds' | 'tokenOffsets'
  >[],
) => Promise<readonly RolloutReward[]>;

/** Samples one completion per prompt, in order: `generate` of `@srcode/model` bound to a model. */
export type GenerateFunction = (
  prompts: readonly Int32Array[],
  options: GenerateOptions,
) => Promise<readonly GeneratedSequence[]>;

export interface SamplingSettings {
  readonly promptsPerStep: number;
  readonly samplesPerPrompt: number;
  readonly maxNewTokens: number;
  /** Default 1, at which sampling and training see the same distribution. */
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly stopTokenIds: readonly number[];
}

/** Rollouts of one step, as yielded to the caller for storage. */
export interface RolloutsEvent {
  readonly type: 'rollouts';
  readonly stage: string;
  readonly step: number;
  readonly rollouts: readonly SampledRollout[];
  /** In the order of `rollouts`. */
  readonly rewards: readonly RolloutReward[];
}
