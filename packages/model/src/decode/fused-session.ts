import * as tf from '@tensorflow/tfjs-core';
import type { DecodingWeights, LlamaModel } from '../llama-model.js';
import { createAttentionLayout } from '../ops/attend.js';
import { callKernel, hasKernel } from '../ops/kernel-call.js';
import { computeRopeTables } from '../rope-tables.js';
import { createTokenBatch } from '../token-batch.js';
import type { DecodingSession, SampledTokens } from '../types.js';

/** Rows that `SrcodeDecodeLayers` takes. */
const maxLayerRows = 32;

interface LayerCache {
  /** Rotated keys and values, [rows, KV, capacity, d]. */
  readonly k: tf.Tensor;
  readonly v: tf.Tensor;
}

/**
 * Decoding with preallocated caches that kernels write in place. Rows may differ in length, so that there is no padding
 * after the prompts; a dropped row costs nothing, as active rows point at their cache rows.
 */
export class FusedDecodingSession implements DecodingSession {
  readonly #model: LlamaModel;
  readonly #capacity: number;
  readonly #caches: readonly LayerCache[];
  readonly #cos: tf.Tensor2D;
  readonly #sin: tf.Tensor2D;
  /** Per active row: its row in the caches and the position of its next token. */
  #cacheRows: number[];
  #positions: number[];
  #logits: tf.Tensor2D | undefined;
  /** Inputs of the layers' kernel, put together once: those of a token are set anew each time. Null: there is no such kernel. */
  #layers: Record<string, tf.Tensor> | null | undefined;
  #weights: DecodingWeights | undefined;

  constructor(model: LlamaModel, prompts: readonly Int32Array[], maxNewTokens: number) {
    const { config } = model;
    const longest = prompts.reduce((most, prompt) => Math.max(most, prompt.length), 0);
    this.#model = model;
    this.#capacity = Math.min(longest + maxNewTokens, config.maxPositionEmbeddings);
    const shape = [prompts.length, config.numKeyValueHeads, this.#capacity, config.headDim];
    this.#caches = Array.from({ length: config.numHiddenLayers }, () => ({
      // fill, not zeros: the backend's own memory, free again with the session
      k: tf.fill(shape, 0),
      v: tf.fill(shape, 0),
    }));
    const tables = computeRopeTables(config, this.#capacity);
    this.#cos = tf.tensor2d(tables.cos, [this.#capacity, config.headDim / 2]);
    this.#sin = tf.tensor2d(tables.sin, [this.#capacity, config.headDim / 2]);
    this.#cacheRows = prompts.map((_, row) => row);
    this.#positions = prompts.map((prompt) => prompt.length);
    this.#prefill(prompts);
  }

  /** Runs each distinct prompt once; rows with the same prompt get copies of its keys and values. */
  #prefill(prompts: readonly Int32Array[]): void {
    const firstRows = new Map<string, number>();
    const owners = prompts.map((prompt, row) => {
      const key = prompt.join();
      if (!firstRows.has(key)) firstRows.set(key, row);
      return firstRows.get(key)!;
    });
    const distinct = [...firstRows.values()];
    const batch = createTokenBatch(distinct.map((row) => prompts[row]!));
    const { config } = this.#model;
    const attributes = {
      batchSize: batch.batchSize,
      length: batch.length,
      kvHeads: config.numKeyValueHeads,
      headDim: config.headDim,
      capacity: this.#capacity,
    };
    this.#logits = tf.tidy(() => {
      const layout = createAttentionLayout(config, batch);
      const { starts, ends, cos, sin } = layout;
      const targets = tf.tensor1d(distinct, 'int32');
      const hidden = this.#model.runPromptLayers(batch.ids, layout, (k, v, layer) => {
        const { k: cacheK, v: cacheV } = this.#caches[layer]!;
        callKernel('SrcodeFillCache', { k, v, starts, ends, targets, cos, sin, cacheK, cacheV }, attributes);
      });
      const lastOf = new Map(
        distinct.map((row, i) => [row, i * batch.length + prompts[row]!.length - 1] as const),
      );
      const last = tf.tensor1d(
        owners.map((owner) => lastOf.get(owner)!),
        'int32',
      );
      return this.#model.logits(tf.gather(hidden, last) as tf.Tensor2D);
    });
    const copies = owners.flatMap((owner, row) => (owner === row ? [] : [[owner, row] as const]));
    if (copies.length === 0) return;
    tf.tidy(() => {
      const from = tf.tensor1d(
        copies.map(([owner]) => owner),
        'int32',
      );
      const to = tf.tensor1d(
        copies.map(([, row]) => row),
        'int32',
      );
      for (const { k, v } of this.#caches) {
        callKernel('SrcodeCopyRows', { cache: k, from, to });
        callKernel('SrcodeCopyRows', { cache: v, from, to });
      }
    });
  }

  /** A token of each active row: see `DecodingSession`. Undefined where the backend has no kernel for it. */
  sample(temperature: number, draw: () => readonly number[]): SampledTokens | undefined {
    if (!hasKernel('SrcodeSampleRows')) return undefined;
    const uniform = tf.tensor1d([...draw()], 'float32');
    const outputs = callKernel(
      'SrcodeSampleRows',
      { logits: this.#logits!, draws: uniform },
      { temperature },
    );
    const [tokenIds, logProbs] = outputs.map((x) => x.dataSync() as Float32Array);
    tf.dispose([uniform, ...outputs]);
    return { tokenIds: tokenIds!, logProbs: logProbs! };
  }

  async logits(): Promise<Float32Array> {
    return this.#logits!.dataSync() as Float32Array;
  }

  advance(rows: readonly number[], tokenIds: ArrayLike<number>): void {
    this.#cacheRows = rows.map((row) => this.#cacheRows[row]!);
    this.#positions = rows.map((row) => this.#positions[row]!);
    const { config } = this.#model;
    const { numAttentionHeads, numKeyValueHeads, headDim } = config;
    const attributes = {
      heads: numAttentionHeads,
      kvHeads: numKeyValueHeads,
      headDim,
      capacity: this.#capacity,
    };
    if (this.#layers === undefined) this.#layers = this.#prepareLayers();
    const layers = this.#layers;
    const next = tf.tidy(() => {
      const cacheRows = tf.tensor1d(this.#cacheRows, 'int32');
      const positions = tf.tensor1d(this.#positions, 'int32');
      const ids = Int32Array.from(tokenIds);
      if (layers && ids.length <= maxLayerRows) {
        const own = { ...attributes, epsilon: config.rmsNormEps, scale: this.#weights!.scale };
        return this.#model.runDecodingLayers(ids, (x) => {
          // all layers in one call: one each, with their inputs, took milliseconds a token
          const inputs = Object.assign(layers, { x, cacheRows, positions });
          return callKernel('SrcodeDecodeLayers', inputs, own)[0] as tf.Tensor2D;
        });
      }
      const hidden = this.#model.runLayers(ids, (q, k, v, layer) => {
        const { k: cacheK, v: cacheV } = this.#caches[layer]!;
        const inputs = { q, k, v, cacheRows, positions, cos: this.#cos, sin: this.#sin, cacheK, cacheV };
        return callKernel('SrcodeDecodeAttention', inputs, attributes)[0] as tf.Tensor2D;
      });
      return this.#model.logits(hidden);
    });
    this.#logits?.dispose();
    this.#logits = next;
    this.#positions = this.#positions.map((position) => position + 1);
  }

  /** The inputs of `SrcodeDecodeLayers`, in their order; the first three are each step's. */
  #prepareLayers(): Record<string, tf.Tensor> | null {
    this.#weights = hasKernel('SrcodeDecodeLayers') ? this.#model.prepareDecoding() : undefined;
    if (!this.#weights) return null;
    const { layers, none } = this.#weights;
    const inputs: Record<string, tf.Tensor> = { x: none, cacheRows: none, positions: none };
    Object.assign(inputs, { cos: this.#cos, sin: this.#sin });
    layers.forEach(({ weights, factors }, layer) => {
      const { k: cacheK, v: cacheV } = this.#caches[layer]!;
      for (const [name, tensor] of Object.entries({ ...weights, cacheK, cacheV, ...factors }))
        inputs[`${layer}.${name}`] = tensor;
    });
    return inputs;
  }

  dispose(): void {
    this.#weights?.none.dispose();
    tf.dispose(this.#caches.flatMap(({ k, v }) => [k, v]));
    tf.dispose([this.#cos, this.#sin]);
    this.#logits?.dispose();
    this.#logits = undefined;
  }
}
