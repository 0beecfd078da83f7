import { selectBackend } from '@srcode/backend';
import { Rng } from '@srcode/core';
import { createCausalLm, createLlamaConfig, generate } from '@srcode/model';

// Tokens per second of sampling 96 tokens after prompts of 48, batch 32 (or argv[2]), on the tiny preset's model.
const report = await selectBackend();
const config = createLlamaConfig({
  vocabSize: 1024,
  hiddenSize: 128,
  numHiddenLayers: 3,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  intermediateSize: 384,
});
const model = createCausalLm(config, { rng: Rng.fromSeed(1) });
const batchSize = Number(process.argv[2] ?? 32);
const rng = Rng.fromSeed(2);
const prompts = Array.from({ length: batchSize }, () =>
  Int32Array.from({ length: 48 }, () => rng.nextInt(1024)),
);
const rates: number[] = [];
const userRates: number[] = [];
for (let i = 0; i < 6; i++) {
  const start = performance.now();
  const used = process.cpuUsage();
  const out = await generate(model, prompts, { maxNewTokens: 96, rng: rng.fork('run', i) });
  const tokens = out.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0);
  rates.push((tokens * 1000) / (performance.now() - start));
  userRates.push((tokens * 1e6) / process.cpuUsage(used).user);
}
const best = (values: number[]) => Math.max(...values).toFixed(0);
console.log(
  `${report.name} batch ${batchSize}: ${best(rates)} tok/s wall, ${best(userRates)} tok/s of user time`,
);
