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
