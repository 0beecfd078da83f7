import { nativeCacheFolder, readInstallStamp, selectBackend } from '@srcode/backend';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { tokenLogProbs } from './token-log-probs.js';

const [rows, size, vocabSize] = [900, 8, 40_000] as const;

describe.runIf(readInstallStamp(nativeCacheFolder()))(
  'log-probabilities of more logits than one chunk',
  () => {
    it.each([true, false])(
      'and their gradients are those of the rows in two parts: weight trained %s',
      async (isTrained) => {
        await selectBackend({ prefer: 'tensorflow' });
        tf.tidy(() => {
          const hidden = tf.randomNormal([rows, size]) as tf.Tensor2D;
          const weight = tf.randomNormal([vocabSize, size]) as tf.Tensor2D;
          const targets = tf.range(0, rows, 1, 'int32') as tf.Tensor1D;
          const dy = tf.randomNormal([rows]) as tf.Tensor1D;
          // 36 million logits at once are two chunks, computed again for the gradient; half of them one, whose gradient is kept
          const run = (from: number, count: number) => {
            const own = (x: tf.Tensor) => tf.slice(x, from, count);
            const inputs = isTrained ? [own(hidden), weight] : [own(hidden)];
            const loss = (h: tf.Tensor, w: tf.Tensor = weight) => {
              const logProbs = tokenLogProbs(
                h as tf.Tensor2D,
                w as tf.Tensor2D,
                own(targets) as tf.Tensor1D,
                isTrained,
              );
              return tf.sum(tf.mul(logProbs, own(dy))) as tf.Scalar;
            };
            return tf.valueAndGrads(loss)(inputs);
          };
          const whole = run(0, rows);
          const parts = [run(0, rows / 2), run(rows / 2, rows / 2)] as const;
          const distance = (a: tf.Tensor, b: tf.Tensor) =>
            tf.div(tf.max(tf.abs(tf.sub(a, b))), tf.max(tf.abs(b))).dataSync()[0]!;
          expect(distance(whole.value, tf.add(parts[0].value, parts[1].value))).toBeLessThan(1e-4);
          expect(distance(whole.grads[0]!, tf.concat([parts[0].grads[0]!, parts[1].grads[0]!]))).toBeLessThan(
            1e-5,
          );
          if (isTrained)
            expect(distance(whole.grads[1]!, tf.add(parts[0].grads[1]!, parts[1].grads[1]!))).toBeLessThan(
              1e-5,
            );
        });
      },
    );
  },
);
