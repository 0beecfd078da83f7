import * as tf from '@tensorflow/tfjs-core';
import { callKernel, hasKernel, type Save } from './kernel-call.js';

function forward(gate: tf.Tensor, up: tf.Tensor): tf.Tensor {
  if (hasKernel('SrcodeSwiGlu')) return callKernel('SrcodeSwiGlu', { gate, up })[0]!;
  return tf.mul(tf.mul(gate, tf.sigmoid(gate)), up);
}

function backward(dy: tf.Tensor, [gate, up]: readonly tf.Tensor[]): tf.Tensor[] {
  if (hasKernel('SrcodeSwiGluGrad')) return callKernel('SrcodeSwiGluGrad', { gate: gate!, up: up!, dy });
  const sigmoid = tf.sigmoid(gate!);
  const silu = tf.mul(gate!, sigmoid);
  // d silu / d gate = σ + silu·(1 − σ)
  const slope = tf.add(sigmoid, tf.mul(silu, tf.sub(1, sigmoid)));
  return [tf.mul(dy, tf.mul(up!, slope)), tf.mul(dy, silu)];
}

/** silu(gate) · up, elementwise: [N, F], [N, F] → [N, F] (Shazeer 2020). One custom gradient. Caller disposes. */
export function swiGlu(gate: tf.Tensor2D, up: tf.Tensor2D): tf.Tensor2D {
  return tf.customGrad((...args: unknown[]) => {
    const [gate, up, save] = args as [tf.Tensor2D, tf.Tensor2D, Save];
    save([gate, up]);
    return {
      value: forward(gate, up),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => backward(dy, saved),
    };
  })(gate, up) as tf.Tensor2D;
}
