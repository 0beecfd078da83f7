import { selectBackend } from '@srcode/backend';
import { Rng } from '@srcode/core';
import { createCausalLm, createLlamaConfig } from '@srcode/model';
import * as tf from '@tensorflow/tfjs-core';

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
const [B, T] = [16, 128];
const rng = Rng.fromSeed(2);
const ids = Int32Array.from({ length: B * T }, () => rng.nextInt(1024));
const batch = { ids, mask: new Int32Array(B * T).fill(1), batchSize: B, length: T };
const variables = [...model.trainableParameters().values()];
const parameters = variables.reduce((sum, v) => sum + v.size, 0);

function step(): number {
  const { value, grads } = tf.variableGrads(() => {
    const hidden = model.hiddenStates(batch);
    const rows = tf.reshape(hidden, [B * T, config.hiddenSize]) as tf.Tensor2D;
    const inputs = tf.slice(rows, [0, 0], [B * T - 1, config.hiddenSize]) as tf.Tensor2D;
    const targets = tf.tensor1d(ids.subarray(1), 'int32');
    return tf.neg(tf.mean(model.tokenLogProbs(inputs, targets)));
  }, variables);
  tf.tidy(() => {
    for (const v of variables) v.assign(tf.sub(v, tf.mul(grads[v.name]!, 0.5)));
  });
  const loss = value.dataSync()[0]!;
  tf.dispose(grads);
  value.dispose();
  return loss;
}

step();
step();
const before = tf.memory().numTensors;
const profile = await tf.profile(() => {
  step();
});
const byKernel = new Map<string, { ms: number; count: number }>();
for (const kernel of profile.kernels) {
  const ms = Number(await kernel.kernelTimeMs);
  const entry = byKernel.get(kernel.name) ?? { ms: 0, count: 0 };
  byKernel.set(kernel.name, { ms: entry.ms + ms, count: entry.count + 1 });
}
const n = Number(process.argv[2] ?? 5);
const times: number[] = [];
const cpu: number[] = [];
for (let i = 0; i < n; i++) {
  const start = performance.now();
  const used = process.cpuUsage();
  const loss = step();
  times.push(performance.now() - start);
  cpu.push(process.cpuUsage(used).user / 1000);
  if (i === n - 1) console.log('loss', loss.toFixed(4));
}
times.sort((a, b) => a - b);
cpu.sort((a, b) => a - b);
const median = times[Math.floor(n / 2)]!;
console.log(
  report.name,
  `${parameters} parameters`,
  `train step ${median.toFixed(0)} ms = ${((B * T * 1000) / median).toFixed(0)} tok/s wall, user ${cpu[Math.floor(n / 2)]!.toFixed(0)} ms = ${((B * T * 1000) / cpu[Math.floor(n / 2)]!).toFixed(0)} tok/s`,
);
console.log('tensors', before, tf.memory().numTensors);
console.table(
  [...byKernel]
    .sort((a, b) => b[1].ms - a[1].ms)
    .slice(0, 14)
    .map(([name, { ms, count }]) => ({ name, ms, count })),
);
