import * as tf from '@tensorflow/tfjs-core';
import type { Save } from '../ops/kernel-call.js';

/** x·Wᵀ with W frozen: x [N, in], W [out, in] → [N, out]. Nothing is kept for the gradient. Caller disposes. */
export function frozenLinear(x: tf.Tensor2D, weight: tf.Tensor2D): tf.Tensor2D {
  return tf.customGrad((...args: unknown[]) => ({
    value: tf.matMul(args[0] as tf.Tensor2D, weight, false, true),
    gradFunc: (dy: tf.Tensor) => tf.matMul(dy, weight),
  }))(x) as tf.Tensor2D;
}

/**
 * x·Wᵀ + s·(m∘x)·aᵀ·bᵀ with W frozen (Hu et al. 2021): x [N, in], W [out, in], a [r, in], b [out, r], m [N, in] the
 * dropout factors → [N, out].
 *
 * With z = s·(m∘x)·aᵀ and g = s·dy·b: db = dyᵀ·z, da = gᵀ·(m∘x), dx = dy·W + m∘(g·a). Caller disposes.
 */
export function adaptedLinear(
  x: tf.Tensor2D,
  weight: tf.Tensor2D,
  pair: { readonly a: tf.Variable; readonly b: tf.Variable },
  scale: number,
  mask: tf.Tensor2D | undefined,
): tf.Tensor2D {
  return tf.customGrad((...args: unknown[]) => {
    const [x, a, b, save] = args as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, Save];
    const input = mask ? tf.mul(x, mask) : x;
    const z = tf.mul(tf.matMul(input, a, false, true), scale) as tf.Tensor2D;
    const value = tf.add(tf.matMul(x, weight, false, true), tf.matMul(z, b, false, true));
    save([input, z, a, b, ...(mask ? [mask] : [])]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [input, z, a, b, mask] = saved as [
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor2D?,
      ];
      const g = tf.mul(tf.matMul(dy, b), scale) as tf.Tensor2D;
      const through = tf.matMul(g, a);
      const dx = tf.add(tf.matMul(dy, weight), mask ? tf.mul(through, mask) : through);
      return [dx, tf.matMul(g, input, true), tf.matMul(dy, z, true)];
    };
    return { value, gradFunc };
  })(x, pair.a as unknown as tf.Tensor2D, pair.b as unknown as tf.Tensor2D) as tf.Tensor2D;
}
