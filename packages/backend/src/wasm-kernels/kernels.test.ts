import { Rng } from '@srcode/core';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { compileKernels } from '../../scripts/build-kernels.mjs';
import { selectBackend } from '../select-backend.js';
import { kernelBinary } from './binary.js';

function random(rng: Rng, shape: number[], scale = 1): tf.Tensor {
  const size = shape.reduce((product, n) => product * n, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => rng.nextNormal() * scale),
    shape,
  );
}

function run(name: string, inputs: Record<string, tf.Tensor>, attributes: Record<string, unknown> = {}) {
  const out = tf.engine().runKernel(name, inputs, attributes as tf.NamedAttrMap);
  return (Array.isArray(out) ? out : [out]) as tf.Tensor[];
}

/** Element products by definition, in float64. */
function productByDefinition(a: tf.Tensor, b: tf.Tensor, tA: boolean, tB: boolean): number[][] {
  const left = (tA ? tf.transpose(a) : a).arraySync() as number[][];
  const right = (tB ? tf.transpose(b) : b).arraySync() as number[][];
  return left.map((row) => right[0]!.map((_, j) => row.reduce((sum, x, k) => sum + x * right[k]![j]!, 0)));
}

function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
}

beforeAll(async () => {
  await selectBackend({ prefer: 'wasm' });
});

describe('the committed kernels', () => {
  it('are what assembly/ compiles to', async () => {
    expect(await compileKernels()).toContain(kernelBinary);
  });
});

describe('matMul', () => {
  const side = fc.integer({ min: 1, max: 70 });
  it('equals the definition for any sizes and transpositions', () => {
    fc.assert(
      fc.property(side, side, side, fc.boolean(), fc.boolean(), (m, k, n, tA, tB) => {
        tf.tidy(() => {
          const rng = Rng.fromSeed(`${m},${k},${n}`);
          const a = random(rng, tA ? [k, m] : [m, k]);
          const b = random(rng, tB ? [n, k] : [k, n]);
          const got = tf.matMul(a, b, tA, tB);
          const want = productByDefinition(a, b, tA, tB).flat();
          expect(maxDifference(got.dataSync(), want)).toBeLessThan(1e-4);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('equals the definition for few rows, which take a path of their own', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), side, side, (m, k, n) => {
        tf.tidy(() => {
          const rng = Rng.fromSeed(`${m},${k},${n}`);
          const [a, b] = [random(rng, [m, k]), random(rng, [n, k])];
          const want = productByDefinition(a, b, false, true).flat();
          expect(maxDifference(tf.matMul(a, b, false, true).dataSync(), want)).toBeLessThan(1e-4);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('spans several depth and row blocks', () => {
    tf.tidy(() => {
      const rng = Rng.fromSeed(1);
      const [a, b] = [random(rng, [133, 600]), random(rng, [600, 19])];
      const want = productByDefinition(a, b, false, false).flat();
      expect(maxDifference(tf.matMul(a, b).dataSync(), want)).toBeLessThan(2e-4);
    });
  });

  it('broadcasts batch dimensions as tfjs documents', () => {
    tf.tidy(() => {
      const rng = Rng.fromSeed(2);
      const [a, b] = [random(rng, [2, 1, 3, 4]), random(rng, [1, 3, 4, 5])];
      const got = tf.matMul(a, b);
      expect(got.shape).toEqual([2, 3, 3, 5]);
      for (let i = 0; i < 2; i++) {
        for (let j = 0; j < 3; j++) {
          const one = tf.matMul(
            tf.slice(a, [i, 0, 0, 0], [1, 1, 3, 4]),
            tf.slice(b, [0, j, 0, 0], [1, 1, 4, 5]),
          );
          const part = tf.slice(got, [i, j, 0, 0], [1, 1, 3, 5]);
          expect(maxDifference(part.dataSync(), one.dataSync())).toBe(0);
        }
      }
    });
  });

  it('handles empty operands', () => {
    expect(tf.matMul(tf.zeros([0, 3]), tf.zeros([3, 2])).shape).toEqual([0, 2]);
    expect([...tf.matMul(tf.zeros([1, 0]), tf.zeros([0, 2])).dataSync()]).toEqual([0, 0]);
  });
});

describe('gather', () => {
  it('takes rows along axis 0, keeps other axes with tfjs, and refuses indices out of range', () => {
    const x = tf.tensor2d([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    const rows = tf.gather(x, tf.tensor2d([[2, 0]], [1, 2], 'int32'));
    expect(rows.arraySync()).toEqual([
      [
        [5, 6],
        [1, 2],
      ],
    ]);
    expect(tf.gather(x, tf.tensor1d([1], 'int32'), 1).arraySync()).toEqual([[2], [4], [6]]);
    expect(tf.gather(tf.tensor1d([7, 8], 'int32'), tf.tensor1d([1, 1], 'int32')).arraySync()).toEqual([8, 8]);
    expect(() => tf.gather(x, tf.tensor1d([3], 'int32'))).toThrow(/\[0, 3\), got 3/);
  });
});

describe('fused kernels', () => {
  it('exponentiate to single precision over the whole range', () => {
    // softmax weights of one-hot differences reach exp4 through swiGlu: silu(g)/g = 1 / (1 + e^-g)
    const gate = Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) / 25 + 0.0101);
    const [y] = run('SrcodeSwiGlu', { gate: tf.tensor1d(gate), up: tf.onesLike(tf.tensor1d(gate)) });
    const want = gate.map((g) => g / (1 + Math.exp(-g)));
    const got = y!.dataSync();
    got.forEach((value, i) => {
      expect(Math.abs(value - want[i]!)).toBeLessThanOrEqual(Math.abs(want[i]!) * 4e-7 + 1e-30);
    });
  });

  it('sum rows by segment and drop ids out of range', () => {
    const sum = tf.unsortedSegmentSum(
      tf.tensor2d([
        [1, 2],
        [3, 4],
        [5, 6],
      ]),
      tf.tensor1d([2, -1, 2], 'int32'),
      3,
    );
    expect(sum.arraySync()).toEqual([
      [0, 0],
      [0, 0],
      [6, 8],
    ]);
  });

  it('give log-probabilities and gradients of a softmax over the vocabulary, by finite differences', () => {
    tf.tidy(() => {
      const rng = Rng.fromSeed(3);
      const hidden = random(rng, [7, 6]);
      const weight = random(rng, [13, 6]);
      const targets = tf.tensor1d([0, 12, 3, 3, 5, 7, 1], 'int32');
      const [logProbs, logSums] = run('SrcodeLogProbs', { hidden, weight, targets }) as [
        tf.Tensor,
        tf.Tensor,
      ];
      const rows = productByDefinition(hidden, weight, false, true);
      const want = rows.map((row, i) => {
        const sum = row.reduce((total, x) => total + Math.exp(x), 0);
        return row[targets.dataSync()[i]!]! - Math.log(sum);
      });
      expect(maxDifference(logProbs.dataSync(), want)).toBeLessThan(2e-6);
      const dy = random(rng, [7]);
      const inputs = { hidden, weight, targets, logSums, dy };
      const [dHidden, dWeight] = run('SrcodeLogProbsGrad', inputs, { withWeight: true }) as [
        tf.Tensor,
        tf.Tensor,
      ];
      const probabilities = rows.map((row) => {
        const sum = row.reduce((total, x) => total + Math.exp(x), 0);
        return row.map((x) => Math.exp(x) / sum);
      });
      const dLogits = probabilities.map((row, i) =>
        row.map((p, j) => dy.dataSync()[i]! * ((targets.dataSync()[i] === j ? 1 : 0) - p)),
      );
      const d = tf.tensor2d(dLogits);
      expect(maxDifference(dHidden.dataSync(), tf.matMul(d, weight as tf.Tensor2D).dataSync())).toBeLessThan(
        1e-5,
      );
      expect(
        maxDifference(dWeight.dataSync(), tf.matMul(d, hidden as tf.Tensor2D, true).dataSync()),
      ).toBeLessThan(1e-5);
    });
  });

  it('leave memory flat', () => {
    const rng = Rng.fromSeed(4);
    const [x, w] = [random(rng, [8, 12]), random(rng, [12])];
    const before = tf.memory().numTensors;
    for (let i = 0; i < 20; i++) {
      tf.tidy(() => {
        const [y, inverse] = run('SrcodeRmsNorm', { x, w }, { epsilon: 1e-5 }) as [tf.Tensor, tf.Tensor];
        run('SrcodeRmsNormGrad', { x, w, inverse, dy: y });
        tf.matMul(x as tf.Tensor2D, x as tf.Tensor2D, false, true);
      });
    }
    expect(tf.memory().numTensors).toBe(before);
  });
});
