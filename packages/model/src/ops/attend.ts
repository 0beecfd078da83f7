import * as tf from '@tensorflow/tfjs-core';
import { rotatePositions } from './rotate-positions.js';

/** Where the tokens of a batch stand: positions count real tokens; [starts[b], ends[b]) is real in row b. */
export interface AttentionLayout {
  readonly batchSize: number;
  readonly length: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** Additive mask [B, 1, 1, T, T]: 0 where query may see key, −1e9 where not. */
  readonly bias: tf.Tensor;
  /** Per token, [N, 1, headDim / 2]. */
  readonly cos: tf.Tensor3D;
  readonly sin: tf.Tensor3D;
}

export interface AttentionShape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/**
 * Causal self-attention with rotary positions and grouped key/value heads (Vaswani 2017; Su 2021; Ainslie 2023):
 * q [N, H·d], k and v [N, KV·d] → [N, H·d], N = B·T. Query heads of a group are folded into rows, so that
 * every product is a plain batched one. Caller disposes.
 */
export function attend(
  q: tf.Tensor2D,
  k: tf.Tensor2D,
  v: tf.Tensor2D,
  shape: AttentionShape,
  layout: AttentionLayout,
): tf.Tensor2D {
  const { batchSize: B, length: T } = layout;
  const { heads: H, kvHeads: KV, headDim: d } = shape;
  const G = H / KV;
  const N = B * T;
  return tf.tidy(() => {
    const turnedQ = rotatePositions(tf.reshape(q, [N, H, d]), layout.cos, layout.sin);
    const turnedK = rotatePositions(tf.reshape(k, [N, KV, d]), layout.cos, layout.sin);
    const foldedQ = tf.reshape(tf.transpose(tf.reshape(turnedQ, [B, T, KV, G, d]), [0, 2, 3, 1, 4]), [
      B * KV,
      G * T,
      d,
    ]);
    const byHead = (x: tf.Tensor) =>
      tf.reshape(tf.transpose(tf.reshape(x, [B, T, KV, d]), [0, 2, 1, 3]), [B * KV, T, d]);
    const scores = tf.mul(tf.matMul(foldedQ, byHead(turnedK), false, true), 1 / Math.sqrt(d));
    const masked = tf.add(tf.reshape(scores, [B, KV, G, T, T]), layout.bias);
    const weights = tf.reshape(tf.softmax(masked), [B * KV, G * T, T]);
    const mixed = tf.reshape(tf.matMul(weights, byHead(v)), [B, KV, G, T, d]);
    return tf.reshape(tf.transpose(mixed, [0, 3, 1, 2, 4]), [N, H * d]) as tf.Tensor2D;
  });
}
