import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { readInstallStamp } from './install/install-stamp.js';
import { nativeCacheFolder } from './load-tensorflow.js';
import { selectBackend } from './select-backend.js';

const installed = readInstallStamp(nativeCacheFolder());

describe.runIf(installed)('native kernels', () => {
  it('multiply few rows as the definition says, for sizes that fill no vector', async () => {
    await selectBackend({ prefer: 'tensorflow' });
    for (const [m, n, k] of [
      [1, 3, 5],
      [2, 65, 33],
      [5, 130, 40],
      [16, 7, 100],
      [17, 64, 8],
    ] as const) {
      const x = Float32Array.from({ length: m * k }, (_, i) => Math.sin(i));
      const w = Float32Array.from({ length: n * k }, (_, i) => Math.cos(i * 1.3));
      const got = tf.tidy(() =>
        tf.matMul(tf.tensor2d(x, [m, k]), tf.tensor2d(w, [n, k]), false, true).dataSync(),
      );
      for (let i = 0; i < m; i++) {
        for (let o = 0; o < n; o++) {
          let want = 0;
          for (let p = 0; p < k; p++) want += x[i * k + p]! * w[o * k + p]!;
          expect(Math.abs(got[i * n + o]! - want)).toBeLessThan(1e-4);
        }
      }
    }
  });

  it('give the same norms, gates and their gradients as plain ops', async () => {
    await selectBackend({ prefer: 'tensorflow' });
    const run = (name: string, inputs: Record<string, tf.Tensor>, attributes: Record<string, number> = {}) =>
      [tf.engine().runKernel(name, inputs, attributes) as tf.Tensor | tf.Tensor[]].flat();
    const worst = (a: tf.Tensor, b: tf.Tensor) => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!;
    tf.tidy(() => {
      const [x, dy, w] = [tf.randomNormal([70, 45]), tf.randomNormal([70, 45]), tf.randomNormal([45])];
      const plainNorm = (x: tf.Tensor, w: tf.Tensor) =>
        tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), 1e-5))), w);
      const [y, inverse] = run('SrcodeRmsNorm', { x, w }, { epsilon: 1e-5 });
      expect(worst(y!, plainNorm(x, w))).toBeLessThan(1e-5);
      const [dx, dw] = run('SrcodeRmsNormGrad', { x, w, inverse: inverse!, dy });
      const [wantX, wantW] = tf.grads((x, w) => tf.sum(tf.mul(plainNorm(x, w), dy)))([x, w]);
      expect(worst(dx!, wantX!)).toBeLessThan(1e-4);
      expect(worst(dw!, wantW!)).toBeLessThan(1e-4);
      const plainGate = (g: tf.Tensor, u: tf.Tensor) => tf.mul(tf.mul(g, tf.sigmoid(g)), u);
      const gate = tf.mul(x, 20);
      expect(worst(run('SrcodeSwiGlu', { gate, up: dy })[0]!, plainGate(gate, dy))).toBeLessThan(1e-4);
      const [dGate, dUp] = run('SrcodeSwiGluGrad', { gate, up: dy, dy: x });
      const [wantGate, wantUp] = tf.grads((g, u) => tf.sum(tf.mul(plainGate(g, u), x)))([gate, dy]);
      expect(worst(dGate!, wantGate!)).toBeLessThan(1e-4);
      expect(worst(dUp!, wantUp!)).toBeLessThan(1e-4);
    });
  });
});

describe.runIf(installed)('native products and updates', () => {
  it('are as exact as float32 for large matrices, turned or not, whatever unit computes them', async () => {
    await selectBackend({ prefer: 'tensorflow' });
    for (const [m, n, k] of [
      [64, 64, 64],
      [49, 50, 51],
      [512, 48, 600],
      [97, 131, 1200],
    ] as const) {
      for (let turns = 0; turns < 4; turns++) {
        const [turnA, turnB] = [(turns & 1) === 1, turns > 1];
        const a = Float32Array.from({ length: m * k }, (_, i) => Math.sin(i * 1.7) * 10 ** ((i % 7) - 3));
        const b = Float32Array.from({ length: n * k }, (_, i) => Math.cos(i * 1.3) * 10 ** ((i % 5) - 2));
        const got = tf.tidy(() => {
          const left = tf.tensor2d(a, turnA ? [k, m] : [m, k]);
          return tf.matMul(left, tf.tensor2d(b, turnB ? [n, k] : [k, n]), turnA, turnB).dataSync();
        });
        let worst = 0;
        for (let i = 0; i < m; i += 7) {
          for (let j = 0; j < n; j += 5) {
            let [want, size] = [0, 0];
            for (let p = 0; p < k; p++) {
              const term = a[turnA ? p * m + i : i * k + p]! * b[turnB ? j * k + p : p * n + j]!;
              want += term;
              size += Math.abs(term);
            }
            worst = Math.max(worst, Math.abs(got[i * n + j]! - want) / size);
          }
        }
        // 2^-24 is half a unit in float32's last place; sums of k terms round at every step
        expect(worst).toBeLessThan(2 ** -24 * Math.sqrt(k));
      }
    }
  });

  it('update like AdamW op by op, and pick log-probabilities with their gradient', async () => {
    await selectBackend({ prefer: 'tensorflow' });
    const run = (name: string, inputs: Record<string, tf.Tensor>, attributes: Record<string, number> = {}) =>
      [tf.engine().runKernel(name, inputs, attributes) as tf.Tensor | tf.Tensor[]].flat();
    const worst = (a: tf.Tensor, b: tf.Tensor) => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!;
    tf.tidy(() => {
      const [value, gradient, first] = [0, 1, 2].map(() => tf.randomNormal([300, 170])) as [
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor2D,
      ];
      const second = tf.square(tf.randomNormal([300, 170]));
      const attributes = { beta1: 0.9, beta2: 0.95, rate: 0.01, epsilon: 1e-6, keep: 0.999, scale: 0.5 };
      const g = tf.mul(gradient, 0.5);
      const m = tf.add(tf.mul(first, 0.9), tf.mul(g, 0.1));
      const v = tf.add(tf.mul(second, 0.95), tf.mul(tf.square(g), 0.05));
      const moved = tf.sub(tf.mul(value, 0.999), tf.mul(tf.div(m, tf.add(tf.sqrt(v), 1e-6)), 0.01));
      const [updated] = run('SrcodeAdamW', { value, gradient, first, second }, attributes);
      // the moments in place
      [updated!, first, second].forEach((got, i) => {
        expect(worst(got, [moved, m, v][i]!)).toBeLessThan(1e-5);
      });

      const logits = tf.mul(tf.randomNormal([5, 1003]), 4) as tf.Tensor2D;
      const targets = tf.tensor1d([0, 1002, 500, 7, 7], 'int32');
      const oneHot = tf.oneHot(targets, 1003);
      const wantLogProbs = tf.sum(tf.mul(tf.logSoftmax(logits), oneHot), 1);
      const wantGradient = tf.sub(oneHot, tf.softmax(logits));
      const [logProbs] = run('SrcodePickLogProbs', { logits, targets }, { gradient: 1 });
      expect(worst(logProbs!, wantLogProbs)).toBeLessThan(1e-5);
      expect(worst(logits, wantGradient)).toBeLessThan(1e-6);
    });
  });

  it('add, fill, copy and sum large tensors, whose memory is used again', async () => {
    await selectBackend({ prefer: 'tensorflow' });
    const call = (name: string, inputs: Record<string, tf.Tensor>, attributes = {}) =>
      [tf.engine().runKernel(name, inputs, attributes) as tf.Tensor | tf.Tensor[]].flat();
    for (const size of [300, 70_001, 300_000, 1_200_000]) {
      for (let round = 0; round < 3; round++) {
        tf.tidy(() => {
          const x = tf.randomNormal([size], 0, 1, 'float32', round);
          const values = x.dataSync();
          const sum = tf.add(x, tf.fill([size], 0.5)).dataSync();
          const copy = call('SrcodeCopy', { x })[0]!.dataSync();
          let squares = 0;
          for (let i = 0; i < size; i++) {
            squares += values[i]! ** 2;
            if (sum[i] !== Math.fround(values[i]! + 0.5) || copy[i] !== values[i])
              throw new Error(`index ${i} of ${size}: ${sum[i]}, ${copy[i]} of ${values[i]}`);
          }
          const got = call('SrcodeSumOfSquares', { x })[0]!.dataSync()[0]!;
          expect(Math.abs(got - squares) / squares).toBeLessThan(1e-6);
          const target = tf.fill([size], 1);
          call('SrcodeCopyInto', { target, x: tf.tensor1d([7, 8]) }, { offset: size - 3 });
          expect([...target.dataSync().slice(-4)]).toEqual([1, 7, 8, 1]);
        });
      }
    }
  });

  it('give a table’s rows and the table a gradient in one piece, the same as two would', async () => {
    await selectBackend({ prefer: 'tensorflow' });
    tf.tidy(() => {
      const table = tf.randomNormal([60, 50]) as tf.Tensor2D;
      const ids = tf.tensor1d([3, 59, 3, 0], 'int32');
      const [weights, mix] = [tf.randomNormal([4, 50]), tf.randomNormal([70, 60])];
      const plain = tf.grad((table) =>
        tf.add(tf.sum(tf.mul(tf.gather(table, ids), weights)), tf.sum(tf.square(tf.matMul(mix, table)))),
      )(table);
      const tied = tf.grad((table) => {
        const [rows, again] = tf.engine().runKernel('SrcodeTiedEmbedding', { table, ids }) as tf.Tensor[];
        return tf.add(tf.sum(tf.mul(rows!, weights)), tf.sum(tf.square(tf.matMul(mix, again!))));
      })(table);
      const rowsOnly = tf.grad((table) => {
        const [rows] = tf.engine().runKernel('SrcodeTiedEmbedding', { table, ids }) as tf.Tensor[];
        return tf.sum(tf.mul(rows!, weights));
      })(table);
      const worst = (a: tf.Tensor, b: tf.Tensor) => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!;
      expect(worst(tied, plain)).toBeLessThan(1e-3);
      const wantRows = tf.grad((table) => tf.sum(tf.mul(tf.gather(table, ids), weights)))(table);
      expect(worst(rowsOnly, wantRows)).toBeLessThan(1e-6);
      expect(table.isDisposed).toBe(false);
      // large products of our own need fused multiply-adds
      if (!tf.getKernel('SrcodeAddOuter', 'tensorflow')) return;
      const target = tf.fill([80, 50], 1) as tf.Tensor2D;
      const [a, b] = [tf.randomNormal([64, 80]), tf.randomNormal([64, 50])];
      const want = tf.add(target, tf.matMul(a, b, true));
      tf.engine().runKernel('SrcodeAddOuter', { target, a, b });
      expect(worst(target, want)).toBeLessThan(1e-3);
    });
  });

  it('multiply numbers of any size: each row of the left side and column of the right is scaled by itself', async () => {
    await selectBackend({ prefer: 'tensorflow' });
    const [m, n, k] = [64, 64, 600];
    // rows from 1e-30 to 1e30, columns from 1e-6 to 1e6, a column of zeros
    const rowSize = (i: number) => 10 ** (-30 + (i * 60) / (m - 1));
    const columnSize = (j: number) => (j === 5 ? 0 : 10 ** (-6 + (j * 12) / (n - 1)));
    const a = Float32Array.from({ length: m * k }, (_, i) => Math.sin(i * 1.7) * rowSize(Math.floor(i / k)));
    const b = Float32Array.from({ length: k * n }, (_, i) => Math.cos(i * 1.3) * columnSize(i % n));
    const multiply = () =>
      tf.tidy(() => tf.matMul(tf.tensor2d(a, [m, k]), tf.tensor2d(b, [k, n])).dataSync() as Float32Array);
    const got = multiply();
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let [want, size] = [0, 0];
        for (let p = 0; p < k; p++) {
          want += a[i * k + p]! * b[p * n + j]!;
          size += Math.abs(a[i * k + p]! * b[p * n + j]!);
        }
        // terms below 2^-126 may be taken for zero
        expect(Math.abs(got[i * n + j]! - want)).toBeLessThanOrEqual(size * 2 ** -21 + k * 2 ** -126);
      }
    }
    a[3 * k + 7] = Number.NaN;
    b[9 * n + 11] = Number.POSITIVE_INFINITY;
    const broken = multiply();
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        const isReached = i === 3 || j === 11;
        expect(Number.isFinite(broken[i * n + j]!)).toBe(!isReached);
      }
    }
  });

  it('compress weights of few levels exactly, and say no to others', async () => {
    await selectBackend({ prefer: 'tensorflow' });
    const [n, k] = [70, 64];
    const level = (i: number) => (i * 2654435761) % 16;
    const four = Float32Array.from({ length: n * k }, (_, i) => level(i) * 0.0078125 - 0.0625);
    const any = Float32Array.from({ length: n * k }, (_, i) => Math.sin(i));
    for (const [values, storage, words, fits] of [
      [four, 2, 12, 1],
      [four, 3, 24, 1],
      [four, 1, 32, 1],
      [any, 1, 32, 0],
      [any, 2, 12, 0],
      [any, 3, 24, 0],
    ] as const) {
      tf.tidy(() => {
        const w = tf.tensor2d(values, [n, k]);
        const outputs = tf.engine().runKernel('SrcodeCompressWeights', { w }, { storage, words });
        const [packed, done] = outputs as unknown as [tf.Tensor2D, tf.Tensor];
        expect(done.dataSync()[0]).toBe(fits);
        if (!fits) return;
        // one-hot rows pick columns: sums of one number are that number
        const x = tf.slice(tf.eye(k), [0, 0], [32, k]);
        const [y] = tf.engine().runKernel('SrcodeSkinnyLinear', { x, w: packed }) as unknown as [tf.Tensor];
        expect(y.dataSync()).toEqual(tf.slice(tf.transpose(w), [0, 0], [32, n]).dataSync());
      });
    }
  });

  it('sample the first token at which the summed probabilities pass the draw', async () => {
    await selectBackend({ prefer: 'tensorflow' });
    for (const temperature of [1, 0.5]) {
      const values = Float32Array.from({ length: 3 * 1500 }, (_, i) => 3 * Math.sin(i * 2.1));
      const draws = [0, 0.37, 0.999999];
      const [tokens, logProbs] = tf.tidy(() => {
        const inputs = { logits: tf.tensor2d(values, [3, 1500]), draws: tf.tensor1d(draws) };
        const outputs = tf.engine().runKernel('SrcodeSampleRows', inputs, { temperature });
        return (outputs as unknown as tf.Tensor[]).map((x) => x.dataSync());
      }) as unknown as [Float32Array, Float32Array];
      draws.forEach((draw, row) => {
        const own = values.subarray(row * 1500, (row + 1) * 1500);
        const weights = Array.from(own, (x) => Math.exp(x / temperature));
        const total = weights.reduce((sum, w) => sum + w, 0);
        const before = weights.slice(0, tokens[row]!).reduce((sum, w) => sum + w, 0) / total;
        expect(before).toBeLessThanOrEqual(draw + 1e-6);
        expect(before + weights[tokens[row]!]! / total).toBeGreaterThan(draw - 1e-6);
        const sum = own.reduce((s, x) => s + Math.exp(x), 0);
        expect(logProbs[row]).toBeCloseTo(own[tokens[row]!]! - Math.log(sum), 4);
      });
    }
  });
});
