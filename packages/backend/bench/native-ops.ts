import { type BackendName, selectBackend } from '@srcode/backend';
import * as tf from '@tensorflow/tfjs-core';

/* Matrix products and the cost of a small op, by backend: npx tsx --conditions=@srcode/source bench/native-ops.ts [backend] */
const report = await selectBackend({ prefer: (process.argv[2] ?? 'tensorflow') as BackendName });
console.log(report.candidates.find(({ name }) => name === report.name)?.reason);

const median = (times: number[]) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;

for (const size of [256, 512, 1024]) {
  const [a, b] = [tf.randomUniform([size, size]), tf.randomUniform([size, size])];
  const times: number[] = [];
  for (let i = 0; i < 15; i++) {
    const start = performance.now();
    const c = tf.matMul(a, b);
    c.dataSync();
    c.dispose();
    times.push(performance.now() - start);
  }
  console.log(
    `${size}³ product: ${((2 * size ** 3) / median(times) / 1e6).toFixed(0)} GFLOP/s (median of 15)`,
  );
}
const x = tf.ones([8, 8]);
const times: number[] = [];
for (let i = 0; i < 7; i++) {
  const start = performance.now();
  for (let j = 0; j < 2000; j++) tf.mul(x, x).dispose();
  times.push((performance.now() - start) / 2);
}
console.log(`small op: ${median(times).toFixed(1)} µs (median of 7 × 2000)`);
