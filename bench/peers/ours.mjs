/*
 * Our side of the benchmark: the same work orders as peer.py, one JSON per line, through the public API of the packages as
 * they are built (`npx turbo run build`). With `profile` in an order it also says where the time goes, by kernel.
 *
 *   node bench/peers/ours.mjs <model.gguf>
 */
import { createInterface } from 'node:readline';
import { selectBackend } from '@srcode/backend';
import { Rng } from '@srcode/core';
import { attachLora, createTokenBatch, generate, loadGguf } from '@srcode/model';
import { AdamW } from '@srcode/trainer';
import * as tf from '@tensorflow/tfjs-core';

const report = await selectBackend({ prefer: process.env.SRCODE_BACKEND ?? 'tensorflow' });
const began = performance.now();
const { model } = await loadGguf(process.argv[2]);
const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const seconds = (performance.now() - began) / 1000;
const parameterBytes = [...model.parameters().values()].reduce((sum, { size }) => sum + 4 * size, 0);
answer({ ready: true, seconds, backend: report.name, parameterBytes });

let optimizer;

function trainStep(order) {
  if (!optimizer) {
    if (order.work === 'lora') attachLora(model, { rng: Rng.fromSeed(1), rank: 16, alpha: 32 });
    optimizer = new AdamW(model.trainableParameters(), { beta2: 0.999 });
  }
  const parameters = model.trainableParameters();
  const begin = performance.now();
  const batch = createTokenBatch(order.ids);
  // every position but each row's last predicts the next token
  const rows = [];
  for (let i = 0; i < batch.ids.length; i++) if ((i + 1) % batch.length !== 0) rows.push(i);
  const targets = Int32Array.from(rows, (row) => batch.ids[row + 1]);
  const { value, grads } = tf.variableGrads(() => {
    const hidden = tf.reshape(model.hiddenStates(batch), [-1, model.config.hiddenSize]);
    const inputs = tf.gather(hidden, tf.tensor1d(rows, 'int32'));
    const logProbs = model.tokenLogProbs(inputs, tf.tensor1d(targets, 'int32'));
    return tf.neg(tf.mean(logProbs));
  }, [...parameters.values()]);
  const gradients = new Map([...parameters].map(([name, variable]) => [name, grads[variable.name]]));
  optimizer.update(gradients, 1e-5, 0);
  const loss = value.dataSync()[0];
  tf.dispose(grads);
  value.dispose();
  return { seconds: (performance.now() - begin) / 1000, loss };
}

async function generateOnce(order) {
  const begin = performance.now();
  const sequences = await generate(
    model,
    order.ids.map((ids) => Int32Array.from(ids)),
    { maxNewTokens: order.newTokens, temperature: 1, rng: Rng.fromSeed(2), stopTokenIds: [] },
  );
  if (sequences.some(({ tokenIds }) => tokenIds.length !== order.newTokens)) throw new Error('stopped early');
  return { seconds: (performance.now() - begin) / 1000 };
}

/** Seconds and calls by kernel, largest first; kernels run to their end one after the other on the CPU. */
async function profiled(order) {
  const kernels = new Map();
  const engine = tf.engine();
  const original = engine.runKernelFunc;
  engine.runKernelFunc = function (options) {
    const begin = performance.now();
    const result = original.call(this, options);
    const name = options.kernelName ?? 'custom gradient';
    const entry = kernels.get(name) ?? { seconds: 0, calls: 0 };
    kernels.set(name, {
      seconds: entry.seconds + (performance.now() - begin) / 1000,
      calls: entry.calls + 1,
    });
    return result;
  };
  const result = await (order.work === 'generate' ? generateOnce(order) : trainStep(order));
  engine.runKernelFunc = original;
  const profile = [...kernels].sort((a, b) => b[1].seconds - a[1].seconds).slice(0, 20);
  return { ...result, profile };
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  const before = process.cpuUsage();
  const result = order.profile
    ? await profiled(order)
    : order.work === 'generate'
      ? await generateOnce(order)
      : trainStep(order);
  const { user, system } = process.cpuUsage(before);
  answer({
    ...result,
    cpuSeconds: (user + system) / 1e6,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  });
}
