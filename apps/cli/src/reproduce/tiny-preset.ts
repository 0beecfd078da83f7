import type { Preset } from './preset.js';

/**
 * The embedded default: a transformer of under a million parameters, trained from scratch on the built-in corpus, with a
 * recorded teacher. It shows the whole method on any laptop; its absolute rates say nothing about large models.
 */
export const tinyPreset: Preset = {
  name: 'tiny',
  seeds: 3,
  corpus: {
    seed: 1,
    instancesPerFamily: 60,
    heldOutInstanceShare: 0.15,
    variedSlots: ['verb', 'noun', 'type', 'fail', 'status'],
    pairsPerFamily: 6,
    tasksPerFamily: 2,
    pretrainSecureShare: 0.2,
  },
  tokenizer: { vocabSize: 1024 },
  model: {
    hiddenSize: 128,
    intermediateSize: 352,
    numHiddenLayers: 3,
    numAttentionHeads: 4,
    numKeyValueHeads: 2,
    maxPositionEmbeddings: 256,
  },
  optimizer: { beta2: 0.98, weightDecay: 0.01, maxGradNorm: 1 },
  pretrain: {
    steps: 500,
    batchSize: 16,
    learningRate: { decay: 'cosine', peak: 3e-3, warmupSteps: 40, finalFraction: 0.05 },
    learnPrompt: false,
  },
  sft: {
    steps: 24,
    batchSize: 16,
    learningRate: { decay: 'cosine', peak: 4e-4, warmupSteps: 5, finalFraction: 0.1 },
    recordShare: 1,
  },
  sftMore: { steps: 40, batchSize: 16, learningRate: { peak: 2e-4 } },
  ppo: {
    steps: 40,
    sampling: { promptsPerStep: 16, samplesPerPrompt: 2, maxNewTokens: 112 },
    settings: { learningRate: { peak: 2e-4 }, klCoefficient: 0.02, epochs: 1, anchorCoefficient: 0.2 },
    replay: { coefficient: 1, batchSize: 16 },
    reward: { brokenSyntaxMass: 0.5 },
    localCredit: { advantageClip: 1 },
    instanceCredit: { critic: false },
    keepRolloutsEvery: 10,
  },
  bench: { samplesPerTask: 4, maxNewTokens: 112, temperature: 0.5 },
  checkpointEverySteps: 25,
};
