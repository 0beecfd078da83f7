import * as tf from '@tensorflow/tfjs-core';
import { computeRopeTables } from '../rope-tables.js';
import { findTokenSpans } from '../token-batch.js';
import type { ModelConfig, TokenBatch } from '../types.js';
import { callKernel, hasKernel, type Save } from './kernel-call.js';
import { rotatePositions } from './rotate-positions.js';

const maskedBias = -1e9;

/** Where the tokens of a batch stand: positions count real tokens; [starts[b], ends[b]) is real in row b. */
export interface AttentionLayout {
  readonly batchSize: number;
  readonly length: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly fused: boolean;
  /** [B] int32. */
  readonly starts: tf.Tensor1D;
  readonly ends: tf.Tensor1D;
  /** Fused: by position [T, headDim / 2]. Otherwise per token [N, 1, headDim / 2]. */
  readonly cos: tf.Tensor;
  readonly sin: tf.Tensor;
  /** Not fused: additive mask [B, 1, 1, T, T], 0 where the query may see the key, −1e9 where not. */
  readonly bias?: tf.Tensor;
}

/** The layout of a batch, for all layers; its tensors belong to the current tidy scope. */
export function createAttentionLayout(config: ModelConfig, batch: TokenBatch): AttentionLayout {
  const { batchSize: B, length: T } = batch;
  const half = config.headDim / 2;
  const { starts, ends } = findTokenSpans(batch);
  const tables = computeRopeTables(config, T);
  const common = {
    batchSize: B,
    length: T,
    heads: config.numAttentionHeads,
    kvHeads: config.numKeyValueHeads,
    headDim: config.headDim,
    starts: tf.tensor1d(starts, 'int32'),
    ends: tf.tensor1d(ends, 'int32'),
  };
  if (hasKernel('SrcodeAttention')) {
    const shape: [number, number] = [T, half];
    return {
      ...common,
      fused: true,
      cos: tf.tensor2d(tables.cos, shape),
      sin: tf.tensor2d(tables.sin, shape),
    };
  }
  const cos = new Float32Array(B * T * half);
  const sin = new Float32Array(B * T * half);
  const bias = new Float32Array(B * T * T).fill(maskedBias);
  for (let b = 0; b < B; b++) {
    for (let t = 0; t < T; t++) {
      const position = Math.max(0, t - starts[b]!);
      const row = b * T + t;
      cos.set(tables.cos.subarray(position * half, (position + 1) * half), row * half);
      sin.set(tables.sin.subarray(position * half, (position + 1) * half), row * half);
      if (t >= starts[b]! && t < ends[b]!) bias.fill(0, row * T + starts[b]!, row * T + t + 1);
    }
  }
  return {
    ...common,
    fused: false,
    cos: tf.tensor3d(cos, [B * T, 1, half]),
    sin: tf.tensor3d(sin, [B * T, 1, half]),
    bias: tf.tensor(bias, [B, 1, 1, T, T]),
  };
}

/**
 * Causal self-attention with rotary positions and grouped key/value heads (Vaswani 2017; Su 2021; Ainslie 2023):
 * q [N, H·d], k and v [N, KV·d] → [N, H·d], N = B·T. What padding rows hold is not defined. Caller disposes.
 */
export function attend(q: tf.Tensor2D, k: tf.Tensor2D, v: tf.Tensor2D, layout: AttentionLayout): tf.Tensor2D {
  return layout.fused ? attendFused(q, k, v, layout) : attendComposed(q, k, v, layout);
}

function attendFused(q: tf.Tensor2D, k: tf.Tensor2D, v: tf.Tensor2D, layout: AttentionLayout): tf.Tensor2D {
  const { batchSize, length, heads, kvHeads, headDim, starts, ends, cos, sin } = layout;
  const attributes = { batchSize, length, heads, kvHeads, headDim };
  return tf.customGrad((...args: unknown[]) => {
    const [q, k, v, save] = args as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, Save];
    const [out, logSums] = callKernel('SrcodeAttention', { q, k, v, starts, ends, cos, sin }, attributes);
    save([q, k, v, starts, ends, cos, sin, out!, logSums!]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [q, k, v, starts, ends, cos, sin, out, logSums] = saved as [
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ];
      const inputs = { q, k, v, starts, ends, cos, sin, out, logSums, dy };
      return callKernel('SrcodeAttentionGrad', inputs, attributes);
    };
    return { value: out!, gradFunc };
  })(q, k, v) as tf.Tensor2D;
}

/** Query heads of a group are folded into rows, so that every product is a plain batched one. */
function attendComposed(q: tf.Tensor2D, k: tf.Tensor2D, v: tf.Tensor2D, layout: AttentionLayout) {
  const { batchSize: B, length: T, heads: H, kvHeads: KV, headDim: d } = layout;
  const G = H / KV;
  const N = B * T;
  return tf.tidy(() => {
    const cos = layout.cos as tf.Tensor3D;
    const sin = layout.sin as tf.Tensor3D;
    const turnedQ = rotatePositions(tf.reshape(q, [N, H, d]), cos, sin);
    const turnedK = rotatePositions(tf.reshape(k, [N, KV, d]), cos, sin);
    const foldedQ = tf.reshape(tf.transpose(tf.reshape(turnedQ, [B, T, KV, G, d]), [0, 2, 3, 1, 4]), [
      B * KV,
      G * T,
      d,
    ]);
    const byHead = (x: tf.Tensor) =>
      tf.reshape(tf.transpose(tf.reshape(x, [B, T, KV, d]), [0, 2, 1, 3]), [B * KV, T, d]);
    const scores = tf.mul(tf.matMul(foldedQ, byHead(turnedK), false, true), 1 / Math.sqrt(d));
    const masked = tf.add(tf.reshape(scores, [B, KV, G, T, T]), layout.bias!);
    const weights = tf.reshape(tf.softmax(masked), [B * KV, G * T, T]);
    const mixed = tf.reshape(tf.matMul(weights, byHead(v)), [B, KV, G, T, d]);
    return tf.reshape(tf.transpose(mixed, [0, 3, 1, 2, 4]), [N, H * d]) as tf.Tensor2D;
  });
}
