import * as tf from '@tensorflow/tfjs-core';
import { createTokenBatch } from '../token-batch.js';
import type { CausalLm, DecodingSession } from '../types.js';

/** Decoding by the whole forward pass for every token: right by definition, slow; for models without a cache. */
export class FullDecodingSession implements DecodingSession {
  readonly #model: CausalLm;
  #sequences: Int32Array[];

  constructor(model: CausalLm, prompts: readonly Int32Array[]) {
    this.#model = model;
    this.#sequences = prompts.map((prompt) => Int32Array.from(prompt));
  }

  async logits(): Promise<Float32Array> {
    const batch = createTokenBatch(this.#sequences);
    const logits = tf.tidy(() => {
      const hidden = this.#model.hiddenStates(batch);
      const last = this.#sequences.map((sequence, row) => row * batch.length + sequence.length - 1);
      const rows = tf.reshape(hidden, [-1, this.#model.config.hiddenSize]);
      return this.#model.logits(tf.gather(rows, tf.tensor1d(last, 'int32')) as tf.Tensor2D);
    });
    const values = (await logits.data()) as Float32Array;
    logits.dispose();
    return values;
  }

  advance(rows: readonly number[], tokenIds: ArrayLike<number>): void {
    this.#sequences = rows.map((row, i) => Int32Array.of(...this.#sequences[row]!, tokenIds[i]!));
  }

  dispose(): void {
    this.#sequences = [];
  }
}
