import { selectBackend } from '@srcode/backend';
import { drainJob, Rng } from '@srcode/core';
import { createCausalLm, createLlamaConfig } from '@srcode/model';
import { trainSft } from '../src/train-sft.js';

const backend = await selectBackend({ prefer: 'wasm' });
const [hidden = 128, layers = 3, vocab = 1024, batch = 16, length = 128] = process.argv.slice(2).map(Number);
const config = createLlamaConfig({
  vocabSize: vocab,
  hiddenSize: hidden,
  intermediateSize: Math.round((hidden * 8) / 3 / 32) * 32,
  numHiddenLayers: layers,
  numAttentionHeads: hidden / 32,
  maxPositionEmbeddings: 512,
  bosTokenId: 0,
  eosTokenIds: [1],
  padTokenId: 2,
} as never);
const model = createCausalLm(config, { rng: Rng.fromSeed(1) });
let n = 0;
for (const v of model.parameters().values()) n += v.size;
const rng = Rng.fromSeed(2);
const examples = Array.from({ length: 64 }, () => ({
  tokenIds: Int32Array.from({ length }, () => rng.nextInt(vocab)),
  promptLength: 0,
}));
console.log(backend.name, 'params', n);
await drainJob(
  trainSft({ model, padTokenId: 2, examples, batchSize: batch, steps: 6, learningRate: { peak: 1e-3 }, rng }),
  (e) => {
    if (e.type === 'metrics')
      console.log(e.step, e.metrics.loss!.toFixed(3), Math.round(e.metrics.tokensPerSecond!), 'tok/s');
  },
);
