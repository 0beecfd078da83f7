import * as tf from '@tensorflow/tfjs-core';

/** silu(gate) · up, elementwise: [N, F], [N, F] → [N, F] (Shazeer 2020). One custom gradient. Caller disposes. */
export function swiGlu(gate: tf.Tensor2D, up: tf.Tensor2D): tf.Tensor2D {
  return tf.customGrad((...args: unknown[]) => {
    const [gate, up, save] = args as [tf.Tensor2D, tf.Tensor2D, (tensors: tf.Tensor[]) => void];
    const value = tf.mul(tf.mul(gate, tf.sigmoid(gate)), up);
    save([gate, up]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [gate, up] = saved as [tf.Tensor2D, tf.Tensor2D];
      const sigmoid = tf.sigmoid(gate);
      const silu = tf.mul(gate, sigmoid);
      // d silu / d gate = σ + silu·(1 − σ)
      const slope = tf.add(sigmoid, tf.mul(silu, tf.sub(1, sigmoid)));
      return [tf.mul(dy, tf.mul(up, slope)), tf.mul(dy, silu)];
    };
    return { value, gradFunc };
  })(gate, up) as tf.Tensor2D;
}
