import type { Preset } from '../src/reproduce/preset.js';
import { tinyPreset } from '../src/reproduce/tiny-preset.js';

/** The tiny preset cut down to seconds: it exercises the path, its models have learned nothing. */
export const nano: Preset = {
  ...tinyPreset,
  name: 'nano',
  corpus: {
    ...tinyPreset.corpus,
    families: ['array-store', 'array-load'],
    instancesPerFamily: 8,
    pairsPerFamily: 2,
    tasksPerFamily: 1,
  },
  tokenizer: { vocabSize: 400 },
  model: {
    hiddenSize: 16,
    intermediateSize: 32,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    numKeyValueHeads: 1,
    maxPositionEmbeddings: 256,
  },
  pretrain: { ...tinyPreset.pretrain, steps: 6, batchSize: 4 },
  sft: { ...tinyPreset.sft, steps: 2, batchSize: 4 },
  sftMore: { ...tinyPreset.sftMore, steps: 2, batchSize: 4 },
  ppo: {
    ...tinyPreset.ppo,
    steps: 2,
    replay: { coefficient: 1, batchSize: 2 },
    sampling: { promptsPerStep: 2, samplesPerPrompt: 2, maxNewTokens: 12 },
  },
  bench: { samplesPerTask: 1, maxNewTokens: 12, temperature: 1 },
  checkpointEverySteps: 2,
};
