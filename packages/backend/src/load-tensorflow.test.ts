import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { readInstallStamp } from './install/install-stamp.js';
import { nativeCacheFolder } from './load-tensorflow.js';
import { selectBackend } from './select-backend.js';

const installed = readInstallStamp(nativeCacheFolder());

describe.runIf(installed)('the installed native backend', () => {
  it('works in the workspace’s own tfjs engine, says its version, and holds no tensor back', async () => {
    const report = await selectBackend({ prefer: 'tensorflow' });
    const { reason } = report.candidates[0]!;
    expect(reason).toContain(`TensorFlow ${installed?.tensorflowVersion} on the`);
    expect(tf.getBackend()).toBe('tensorflow');
    const before = tf.memory().numTensors;
    const gradient = tf.tidy(() => {
      const a = tf.tensor2d([1, 2, 3, 4], [2, 2]);
      const b = tf.tensor2d([1, -1, 0.5, 2], [2, 2]);
      return [
        ...tf
          .grad((x) => tf.sum(tf.matMul(x, b)))(a)
          .dataSync(),
      ];
    });
    expect(gradient).toEqual([0, 2.5, 0, 2.5]);
    expect(tf.memory().numTensors).toBe(before);
  });
});
