import { Rng } from '@srcode/core';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { selectBackend } from './select-backend.js';

/** Largest difference between the gradient of Σ weights·f(x) and central differences. */
function gradientError(f: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor, rng: Rng): number {
  const out = f(x);
  const weights = tf.tensor(
    Float32Array.from({ length: out.size }, () => rng.nextNormal()),
    out.shape,
  );
  const objective = (at: tf.Tensor) => tf.sum(tf.mul(f(at), weights)) as tf.Scalar;
  const gradient = tf.grad(objective)(x).dataSync();
  const values = x.dataSync();
  const step = 1e-2;
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    const at = (delta: number) => {
      const moved = Float32Array.from(values);
      moved[i]! += delta;
      return objective(tf.tensor(moved, x.shape)).dataSync()[0]!;
    };
    // Richardson: removes the h² term of the central difference
    const wide = (at(step) - at(-step)) / (2 * step);
    const narrow = (at(step / 2) - at(-step / 2)) / step;
    const numeric = (4 * narrow - wide) / 3;
    most = Math.max(most, Math.abs(numeric - gradient[i]!) / Math.max(1, Math.abs(numeric)));
  }
  return most;
}

const rng = Rng.fromSeed(5);
const values = (shape: number[], positive = false) =>
  tf.tensor(
    Float32Array.from({ length: shape.reduce((p, n) => p * n, 1) }, () =>
      positive ? 0.5 + rng.nextFloat() : rng.nextNormal() + 0.05,
    ),
    shape,
  );

/** Distinct values at least 0.25 apart and away from 0 and ±0.4, for functions with corners. */
const apart = (shape: number[]) => {
  const size = shape.reduce((p, n) => p * n, 1);
  const grid = rng.shuffle(Array.from({ length: size }, (_, i) => (i - size / 2) * 0.25 + 0.07));
  return tf.tensor(Float32Array.from(grid), shape);
};

type Case = readonly [name: string, f: (x: tf.Tensor) => tf.Tensor, x: () => tf.Tensor];

const cases: readonly Case[] = [
  ['add with broadcasting', (x) => tf.add(tf.ones([4, 3]), x), () => values([3])],
  ['sub with broadcasting', (x) => tf.sub(tf.ones([4, 3]), x), () => values([4, 1])],
  ['mul by itself broadcast', (x) => tf.mul(x, tf.reshape(x, [3, 1])), () => values([3])],
  ['div', (x) => tf.div(tf.reshape(x, [3, 1]), x), () => values([3], true)],
  ['maximum', (x) => tf.maximum(x, 0.1), () => apart([6])],
  ['minimum', (x) => tf.minimum(tf.mul(x, 2), 0.1), () => apart([6])],
  ['squaredDifference', (x) => tf.squaredDifference(x, tf.fill([2, 3], 0.3)), () => values([3])],
  ['pow', (x) => tf.pow(x, 3), () => values([4], true)],
  ['neg', (x) => tf.neg(x), () => values([4])],
  ['exp', (x) => tf.exp(x), () => values([4])],
  ['log', (x) => tf.log(x), () => values([4], true)],
  ['log1p', (x) => tf.log1p(x), () => values([4], true)],
  ['square', (x) => tf.square(x), () => values([4])],
  ['sqrt', (x) => tf.sqrt(x), () => values([4], true)],
  ['rsqrt', (x) => tf.rsqrt(x), () => values([4], true)],
  ['reciprocal', (x) => tf.reciprocal(x), () => values([4], true)],
  ['abs', (x) => tf.abs(x), () => apart([4])],
  ['sigmoid', (x) => tf.sigmoid(x), () => values([4])],
  ['tanh', (x) => tf.tanh(x), () => values([4])],
  ['softplus', (x) => tf.softplus(x), () => values([4])],
  ['relu', (x) => tf.relu(x), () => apart([8])],
  ['clipByValue', (x) => tf.clipByValue(x, -0.4, 0.4), () => apart([8])],
  ['where', (x) => tf.where(tf.tensor1d([1, 0, 1, 0], 'bool'), x, tf.mul(x, 3)), () => values([4])],
  ['sum over an axis', (x) => tf.sum(x, 1), () => values([3, 4])],
  ['sum keeping dims', (x) => tf.sum(x, [0], true), () => values([3, 4])],
  ['mean of all', (x) => tf.mul(tf.mean(x), 3), () => values([3, 4])],
  ['mean over an axis', (x) => tf.mean(x, -1), () => values([3, 4])],
  ['max', (x) => tf.max(x, 1), () => apart([3, 4])],
  ['min keeping dims', (x) => tf.min(x, 0, true), () => apart([3, 4])],
  ['softmax', (x) => tf.softmax(x), () => values([3, 4])],
  ['logSoftmax', (x) => tf.logSoftmax(x), () => values([3, 4])],
  ['logSumExp', (x) => tf.logSumExp(x, 1), () => values([3, 4])],
  ['reshape and transpose', (x) => tf.transpose(tf.reshape(x, [2, 2, 3]), [2, 0, 1]), () => values([3, 4])],
  ['slice', (x) => tf.slice(x, [1, 0], [2, 3]), () => values([4, 5])],
  ['slice to the end', (x) => tf.slice(x, [1, 1], [-1, 2]), () => values([4, 5])],
  [
    'pad',
    (x) =>
      tf.pad(x, [
        [1, 0],
        [2, 1],
      ]),
    () => values([2, 3]),
  ],
  ['expandDims and squeeze', (x) => tf.squeeze(tf.expandDims(x, 1)), () => values([3, 2])],
  ['broadcastTo', (x) => tf.broadcastTo(x, [3, 4]), () => values([3, 1])],
  ['tile', (x) => tf.tile(tf.reshape(x, [1, 3]), [2, 2]), () => values([3])],
  ['gather along axis 0', (x) => tf.gather(x, tf.tensor1d([2, 0, 2], 'int32')), () => values([3, 4])],
  ['concat', (x) => tf.concat([x, tf.mul(x, 2)], 1), () => values([2, 3])],
  ['split', (x) => tf.mul(tf.split(x, 2, 1)[0]!, tf.split(x, 2, 1)[1]!), () => values([2, 4])],
  [
    'stack and unstack',
    (x) => tf.mul(tf.stack([x, x], 1), tf.expandDims(tf.stack(tf.unstack(x, 0), 0), 1)),
    () => values([2, 3]),
  ],
  ['addN', (x) => tf.addN([x, x, x]), () => values([3])],
  ...[0, 1, 2, 3].map(
    (bits): Case => [
      `matMul with transposeA ${bits & 1}, transposeB ${bits >> 1}`,
      (x) =>
        tf.matMul(
          tf.reshape(x, [2, 3, 3]),
          tf.tanh(tf.reshape(x, [2, 3, 3])),
          (bits & 1) === 1,
          bits >> 1 === 1,
        ),
      () => values([18]),
    ],
  ),
];

describe.each(['wasm', 'cpu'] as const)('gradients on %s', (backend) => {
  beforeAll(async () => {
    await selectBackend({ prefer: backend });
  });
  afterAll(() => {
    tf.disposeVariables();
  });

  it.each(cases)('%s agrees with finite differences', (_name, f, x) => {
    const before = tf.memory().numTensors;
    const error = tf.tidy(() => {
      let result = 0;
      result = gradientError(f, x(), rng);
      return tf.scalar(result);
    });
    expect(error.dataSync()[0]).toBeLessThan(4e-3);
    error.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses a gradient of gather along another axis, and of a broadcast matMul', () => {
    const gather = tf.grad((x) => tf.gather(x, tf.tensor1d([0], 'int32'), 1));
    expect(() => gather(tf.ones([2, 2]))).toThrow(/axis 0 only/);
    const product = tf.grad((x) => tf.matMul(x, tf.ones([1, 2, 2])));
    expect(() => product(tf.ones([3, 2, 2]))).toThrow(/equal batch dimensions/);
  });
});
