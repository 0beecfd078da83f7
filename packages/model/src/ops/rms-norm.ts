import * as tf from '@tensorflow/tfjs-core';

/**
 * x / √(mean(x²) + ε) · w over the last axis: x [N, D], w [D] → [N, D] (Zhang & Sennrich 2019).
 * One custom gradient; keeps x and the inverse norms. Caller disposes.
 */
export function rmsNorm(x: tf.Tensor2D, weight: tf.Tensor1D, epsilon: number): tf.Tensor2D {
  return tf.customGrad((...args: unknown[]) => {
    const [input, scale, save] = args as [tf.Tensor2D, tf.Tensor1D, (tensors: tf.Tensor[]) => void];
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(input), -1, true), epsilon));
    const value = tf.mul(tf.mul(input, inverse), scale);
    save([input, scale, inverse]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [input, scale, inverse] = saved as [tf.Tensor2D, tf.Tensor1D, tf.Tensor2D];
      const normed = tf.mul(input, inverse);
      const dScale = tf.sum(tf.mul(dy, normed), 0);
      const dNormed = tf.mul(dy, scale);
      const projection = tf.mean(tf.mul(dNormed, normed), -1, true);
      return [tf.mul(inverse, tf.sub(dNormed, tf.mul(normed, projection))), dScale];
    };
    return { value, gradFunc };
  })(x, weight) as tf.Tensor2D;
}
