import * as tf from '@tensorflow/tfjs-core';
import { computeValueLoss } from '../maths/value-loss.js';
import { AdamW, type AdamWOptions } from './adamw.js';

/**
 * A linear critic on the model's hidden states: V_t = h_t·w + b, w [D, 1], b [1], both 0 at first.
 *
 * It has its own optimizer, and its gradient stops at the hidden states (our choice): on small budgets a critic
 * that shares the trunk does more harm than good. The gradient is written out, so no tape is needed.
 * `dispose` frees weights and moments.
 */
export class ValueHead {
  readonly parameters: ReadonlyMap<string, tf.Variable>;
  readonly optimizer: AdamW;
  readonly #weight: tf.Variable<tf.Rank.R2>;
  readonly #bias: tf.Variable<tf.Rank.R1>;

  constructor(hiddenSize: number, options: AdamWOptions = {}) {
    this.#weight = tf.tidy(() => tf.variable(tf.zeros([hiddenSize, 1]) as tf.Tensor2D));
    this.#bias = tf.tidy(() => tf.variable(tf.zeros([1]) as tf.Tensor1D));
    this.parameters = new Map<string, tf.Variable>([
      ['weight', this.#weight],
      ['bias', this.#bias],
    ]);
    this.optimizer = new AdamW(this.parameters, options);
  }

  /** Values [N] of hidden states [N, D]. Caller disposes. */
  predict(hidden: tf.Tensor2D): tf.Tensor1D {
    return tf.tidy(() => tf.reshape(tf.add(tf.matMul(hidden, this.#weight), this.#bias), [-1]));
  }

  /**
   * Loss, and the gradients of weight and bias, on hidden states [N, D] that are held fixed; see
   * `computeValueLoss`. Caller disposes the gradients.
   */
  async computeGradients(
    hidden: tf.Tensor2D,
    targets: {
      readonly oldValues: Float32Array;
      readonly returns: Float32Array;
      readonly weights: Float32Array;
      readonly clip?: number | undefined;
    },
  ): Promise<{ readonly loss: number; readonly gradients: Map<string, tf.Tensor> }> {
    const predicted = this.predict(hidden);
    const values = (await predicted.data()) as Float32Array;
    predicted.dispose();
    const { loss, slopes } = computeValueLoss({ ...targets, values });
    const [weight, bias] = tf.tidy(() => {
      const column = tf.tensor2d(slopes, [slopes.length, 1]);
      return [tf.matMul(hidden, column, true, false), tf.reshape(tf.sum(column), [1])] as const;
    });
    return {
      loss,
      gradients: new Map<string, tf.Tensor>([
        ['weight', weight],
        ['bias', bias],
      ]),
    };
  }

  dispose(): void {
    this.optimizer.dispose();
    this.#weight.dispose();
    this.#bias.dispose();
  }
}
