import type { RewardOptions } from '@srcode/rewards';
import type {
  AdamWOptions,
  CreditSettings,
  LearningRateSchedule,
  PpoSettings,
  SamplingSettings,
} from '@srcode/trainer';

/** Arms of the comparison, in the order in which tables show them. */
export const armNames = ['base', 'sft', 'sft-more', 'ppo-instance', 'ppo-line', 'ppo-token'] as const;
export type Placement = 'instance' | 'line' | 'token';

export interface TrainingPlan {
  readonly steps: number;
  readonly batchSize: number;
  readonly learningRate: LearningRateSchedule;
}

/** Everything a reproduction is made of; the same preset and seed give the same bytes on one backend. */
export interface Preset {
  readonly name: string;
  readonly seeds: number;
  readonly corpus: {
    /** Seed of the corpus itself: the same texts for every training seed. */
    readonly seed: number;
    /** Ids of the families to use; all when left out. */
    readonly families?: readonly string[];
    readonly instancesPerFamily: number;
    readonly heldOutInstanceShare: number;
    /** Slots that vary between instances of a family; the others keep one value. */
    readonly variedSlots: readonly string[];
    /** Training instances per family that go through the teacher and become PrimeVul+. */
    readonly pairsPerFamily: number;
    /** Held-out instances per family that are benchmarked, one prompt each. */
    readonly tasksPerFamily: number;
    /** Share of secure functions in what the base model is pretrained on. */
    readonly pretrainSecureShare: number;
  };
  readonly tokenizer: { readonly vocabSize: number };
  readonly model: {
    readonly hiddenSize: number;
    readonly intermediateSize: number;
    readonly numHiddenLayers: number;
    readonly numAttentionHeads: number;
    readonly numKeyValueHeads: number;
    readonly maxPositionEmbeddings: number;
  };
  readonly optimizer: AdamWOptions;
  readonly pretrain: TrainingPlan & {
    /** Learn the prompts too, not only the answers. */ readonly learnPrompt: boolean;
  };
  readonly sft: TrainingPlan & {
    /** Share of PrimeVul+ records that SFT sees. */ readonly recordShare: number;
  };
  /** As many more steps of SFT as PPO has: what supervision alone makes of the budget. */
  readonly sftMore: TrainingPlan;
  readonly ppo: {
    readonly steps: number;
    readonly sampling: Omit<SamplingSettings, 'stopTokenIds'>;
    readonly settings: PpoSettings;
    /**
     * Utility anchor: PrimeVul+ answers learnt beside the rollouts, with weight 0 on the tokens that the fix changed. The same
     * for every placement. None when left out.
     */
    readonly replay?: { readonly coefficient: number; readonly batchSize: number };
    /** The same for every placement. */
    readonly reward: RewardOptions;
    /** What token- and line-level rewards change of `localCredit`. */
    readonly localCredit: Partial<CreditSettings>;
    /** What instance-level rewards change of `standardCredit`. */
    readonly instanceCredit: Partial<CreditSettings>;
    /** Keep the rollouts of every n-th step, for heat maps. */
    readonly keepRolloutsEvery: number;
  };
  readonly bench: {
    readonly samplesPerTask: number;
    readonly maxNewTokens: number;
    readonly temperature: number;
  };
  readonly checkpointEverySteps: number;
}
