import * as tf from '@tensorflow/tfjs-core';
import type { LlamaModel } from '../llama-model.js';
import { attend, createAttentionLayout } from '../ops/attend.js';
import { rotatePositions } from '../ops/rotate-positions.js';
import { computeRopeTables } from '../rope-tables.js';
import { createTokenBatch } from '../token-batch.js';
import type { DecodingSession } from '../types.js';

const maskedBias = -1e9;
/** New keys are appended to a short tail, merged into the long cache when it is full: fewer copies of the latter. */
const tailLength = 32;

interface LayerCache {
  /** Rotated keys and values of past tokens, [R·KV, L, d]; the prompt padded on the left. */
  k: tf.Tensor3D;
  v: tf.Tensor3D;
  tailK: tf.Tensor3D | undefined;
  tailV: tf.Tensor3D | undefined;
}

/** Decoding by plain tfjs ops, for backends without fused kernels. */
export class ComposedDecodingSession implements DecodingSession {
  readonly #model: LlamaModel;
  readonly #tables: { readonly cos: Float32Array; readonly sin: Float32Array };
  #caches: LayerCache[] = [];
  /** Additive mask of the prompt part, per active row: −1e9 on padding. */
  #promptBias: Float32Array[];
  #positions: number[];
  #logits: tf.Tensor2D | undefined;

  constructor(model: LlamaModel, prompts: readonly Int32Array[], maxNewTokens: number) {
    this.#model = model;
    const batch = createTokenBatch(prompts, { padSide: 'left' });
    this.#tables = computeRopeTables(model.config, batch.length + maxNewTokens);
    this.#positions = prompts.map((prompt) => prompt.length);
    this.#promptBias = prompts.map((prompt) =>
      new Float32Array(batch.length).fill(maskedBias, 0, batch.length - prompt.length),
    );
    const { numKeyValueHeads: KV, headDim: d, hiddenSize: D } = model.config;
    this.#logits = tf.tidy(() => {
      const { batchSize: B, length: T } = batch;
      const layout = createAttentionLayout(model.config, batch);
      const byHead = (x: tf.Tensor) =>
        tf.reshape(tf.transpose(tf.reshape(x, [B, T, KV, d]), [0, 2, 1, 3]), [B * KV, T, d]) as tf.Tensor3D;
      const hidden = model.runLayers(batch.ids, (q, k, v) => {
        const turned = rotatePositions(
          tf.reshape(k, [B * T, KV, d]),
          layout.cos as tf.Tensor3D,
          layout.sin as tf.Tensor3D,
        );
        this.#caches.push({
          k: tf.keep(byHead(turned)),
          v: tf.keep(byHead(v)),
          tailK: undefined,
          tailV: undefined,
        });
        return attend(q, k, v, layout);
      });
      const last = tf.slice(tf.reshape(hidden, [B, T, D]), [0, T - 1, 0], [B, 1, D]);
      return model.logits(tf.reshape(last, [B, D]));
    });
  }

  async logits(): Promise<Float32Array> {
    return (await this.#logits!.data()) as Float32Array;
  }

  /** Keeps the given rows of the caches. */
  #keepRows(rows: readonly number[]): void {
    const { numKeyValueHeads: KV } = this.#model.config;
    const index = rows.flatMap((row) => Array.from({ length: KV }, (_, kv) => row * KV + kv));
    const pick = (x: tf.Tensor3D) => {
      const kept = tf.tidy(() => tf.gather(x, tf.tensor1d(index, 'int32')));
      x.dispose();
      return kept as tf.Tensor3D;
    };
    for (const cache of this.#caches) {
      cache.k = pick(cache.k);
      cache.v = pick(cache.v);
      if (cache.tailK) cache.tailK = pick(cache.tailK);
      if (cache.tailV) cache.tailV = pick(cache.tailV);
    }
    this.#positions = rows.map((row) => this.#positions[row]!);
    this.#promptBias = rows.map((row) => this.#promptBias[row]!);
  }

  advance(rows: readonly number[], tokenIds: ArrayLike<number>): void {
    if (rows.length !== this.#positions.length) this.#keepRows(rows);
    const { numAttentionHeads: H, numKeyValueHeads: KV, headDim: d } = this.#model.config;
    const R = rows.length;
    const half = d / 2;
    const next = tf.tidy(() => {
      const angles = (table: Float32Array) => {
        const values = new Float32Array(R * half);
        this.#positions.forEach((position, r) => {
          values.set(table.subarray(position * half, (position + 1) * half), r * half);
        });
        return tf.tensor3d(values, [R, 1, half]);
      };
      const cos = angles(this.#tables.cos);
      const sin = angles(this.#tables.sin);
      const bias = this.#bias();
      const hidden = this.#model.runLayers(Int32Array.from(tokenIds), (q, k, v, layer) => {
        const turnedK = rotatePositions(tf.reshape(k, [R, KV, d]), cos, sin);
        this.#append(
          this.#caches[layer]!,
          tf.reshape(turnedK, [R * KV, 1, d]),
          tf.reshape(v, [R * KV, 1, d]),
        );
        const turnedQ = rotatePositions(tf.reshape(q, [R, H, d]), cos, sin);
        const mixed = mixCached(tf.reshape(turnedQ, [R * KV, H / KV, d]), this.#caches[layer]!, bias);
        return tf.reshape(mixed, [R, H * d]);
      });
      return this.#model.logits(hidden);
    });
    this.#logits?.dispose();
    this.#logits = next;
    this.#positions = this.#positions.map((position) => position + 1);
  }

  /** Mask over the long cache and the tail including the new token, [R·KV, 1, L + tail]. */
  #bias(): tf.Tensor3D {
    const KV = this.#model.config.numKeyValueHeads;
    const [first] = this.#caches;
    const total = first!.k.shape[1] + (first!.tailK?.shape[1] ?? 0) + 1;
    const R = this.#positions.length;
    const values = new Float32Array(R * KV * total);
    this.#promptBias.forEach((bias, r) => {
      for (let kv = 0; kv < KV; kv++) values.set(bias, (r * KV + kv) * total);
    });
    return tf.tensor3d(values, [R * KV, 1, total]);
  }

  #append(cache: LayerCache, k: tf.Tensor3D, v: tf.Tensor3D): void {
    const join = (before: tf.Tensor3D | undefined, after: tf.Tensor3D) => {
      const joined = tf.keep(before ? (tf.concat([before, after], 1) as tf.Tensor3D) : tf.clone(after));
      before?.dispose();
      return joined;
    };
    cache.tailK = join(cache.tailK, k);
    cache.tailV = join(cache.tailV, v);
    if (cache.tailK.shape[1] < tailLength) return;
    cache.k = join(cache.k, cache.tailK);
    cache.v = join(cache.v, cache.tailV);
    tf.dispose([cache.tailK, cache.tailV]);
    cache.tailK = undefined;
    cache.tailV = undefined;
  }

  dispose(): void {
    for (const { k, v, tailK, tailV } of this.#caches)
      tf.dispose([k, v, ...(tailK ? [tailK] : []), ...(tailV ? [tailV] : [])]);
    this.#caches = [];
    this.#logits?.dispose();
    this.#logits = undefined;
  }
}

/** softmax(q·kᵀ/√d + bias)·v over the long cache and the tail: q [R·KV, G, d] → [R·KV, G, d]. */
function mixCached(q: tf.Tensor3D, cache: LayerCache, bias: tf.Tensor3D): tf.Tensor3D {
  const { k, v, tailK, tailV } = cache;
  const [rows, group, d] = q.shape;
  const long = k.shape[1];
  const scores = tf.matMul(q, k, false, true);
  const all = tailK ? tf.concat([scores, tf.matMul(q, tailK, false, true)], 2) : scores;
  const weights = tf.softmax(tf.add(tf.mul(all, 1 / Math.sqrt(d)), bias)) as tf.Tensor3D;
  if (!tailK || !tailV) return tf.matMul(weights, v);
  const tail = tailK.shape[1];
  return tf.add(
    tf.matMul(tf.slice(weights, [0, 0, 0], [rows, group, long]), v),
    tf.matMul(tf.slice(weights, [0, 0, long], [rows, group, tail]), tailV),
  );
}
