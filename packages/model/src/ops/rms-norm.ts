import * as tf from '@tensorflow/tfjs-core';
import { callKernel, hasKernel, type Save } from './kernel-call.js';

function forward(x: tf.Tensor, weight: tf.Tensor, epsilon: number): [tf.Tensor, tf.Tensor] {
  if (hasKernel('SrcodeRmsNorm'))
    return callKernel('SrcodeRmsNorm', { x, w: weight }, { epsilon }) as [tf.Tensor, tf.Tensor];
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon));
  return [tf.mul(tf.mul(x, inverse), weight), inverse];
}

function backward(dy: tf.Tensor, [x, weight, inverse]: readonly tf.Tensor[]): tf.Tensor[] {
  if (hasKernel('SrcodeRmsNormGrad'))
    return callKernel('SrcodeRmsNormGrad', { x: x!, w: weight!, inverse: inverse!, dy });
  const normed = tf.mul(x!, inverse!);
  const dNormed = tf.mul(dy, weight!);
  const projection = tf.mean(tf.mul(dNormed, normed), -1, true);
  const dx = tf.mul(inverse!, tf.sub(dNormed, tf.mul(normed, projection)));
  return [dx, tf.sum(tf.mul(dy, normed), 0)];
}

/**
 * x / √(mean(x²) + ε) · w over the last axis: x [N, D], w [D] → [N, D] (Zhang & Sennrich 2019).
 * One custom gradient; keeps x and the inverse norms. Caller disposes.
 */
export function rmsNorm(x: tf.Tensor2D, weight: tf.Tensor1D, epsilon: number): tf.Tensor2D {
  return tf.customGrad((...args: unknown[]) => {
    const [input, scale, save] = args as [tf.Tensor2D, tf.Tensor1D, Save];
    const [value, inverse] = forward(input, scale, epsilon);
    save([input, scale, inverse]);
    return { value, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => backward(dy, saved) };
  })(x, weight) as tf.Tensor2D;
}
