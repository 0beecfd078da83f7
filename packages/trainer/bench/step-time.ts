// Seconds of compute per training step of a tiny Llama on random tokens. CPU time, so that a busy machine does not
// change the figure. Usage: npx tsx --conditions=@srcode/source bench/step-time.ts [hidden layers vocab batch length]
import { selectBackend } from '@srcode/backend';
import { drainJob, Rng } from '@srcode/core';
import { createCausalLm, createLlamaConfig } from '@srcode/model';
import { trainSft } from '../src/index.js';

const [hidden = 128, layers = 3, vocab = 1024, batch = 16, length = 128] = process.argv.slice(2).map(Number);
const backend = await selectBackend();
const config = createLlamaConfig({
  vocabSize: vocab,
  hiddenSize: hidden,
  numHiddenLayers: layers,
  numAttentionHeads: hidden / 32,
  maxPositionEmbeddings: 512,
  eosTokenIds: [1],
  padTokenId: 0,
});
const model = createCausalLm(config, { rng: Rng.fromSeed(1) });
const size = [...model.parameters().values()].reduce((sum, variable) => sum + variable.size, 0);
const rng = Rng.fromSeed(2);
const examples = Array.from({ length: 64 }, () => ({
  tokenIds: Int32Array.from({ length }, () => rng.nextInt(vocab)),
  promptLength: 0,
}));
const seconds: number[] = [];
let last = process.cpuUsage();
const job = trainSft({
  model,
  padTokenId: 0,
  examples,
  batchSize: batch,
  steps: 8,
  learningRate: { peak: 1e-3 },
  rng,
});
await drainJob(job, () => {
  const now = process.cpuUsage();
  seconds.push((now.user + now.system - last.user - last.system) / 1e6);
  last = now;
});
const median = seconds.slice(2).sort((a, b) => a - b)[Math.floor((seconds.length - 2) / 2)]!;
console.log(
  `${backend.name}: ${size} parameters, ${batch}×${length} tokens: ${median.toFixed(2)} CPU s/step, ` +
    `${Math.round((batch * length) / median)} tokens/CPU s`,
);
