import { InputError } from '@srcode/core';
import * as tf from '@tensorflow/tfjs-core';
import type { TensorRecord } from '../checkpoint/checkpoint.js';

export interface AdamWOptions {
  /** Default 0.9. */
  readonly beta1?: number;
  /** Default 0.95: short runs gain from a short memory of the second moment. */
  readonly beta2?: number;
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** Decoupled, multiplied by the learning rate. Default 0. */
  readonly weightDecay?: number;
  /** Which parameters decay. Default: those of rank 2 and more (no norms, no biases). */
  readonly decays?: (name: string, rank: number) => boolean;
  /** Gradients are scaled down to this global norm. Default 1; `Infinity` turns it off. */
  readonly maxGradNorm?: number;
}

interface Slot {
  readonly parameter: tf.Variable;
  readonly first: tf.Variable;
  readonly second: tf.Variable;
  readonly decay: number;
}

/**
 * AdamW (Loshchilov & Hutter 2019, alg. 2) keyed by parameter name.
 *
 *     m ← β1·m + (1 − β1)·g        v ← β2·v + (1 − β2)·g²
 *     θ ← θ − lr·( m/(1 − β1^t) / (√(v/(1 − β2^t)) + ε) + decay·θ )
 *
 * tfjs's own Adam keys its moments by position, so a parameter added or left out shifts all others. A
 * parameter without a gradient keeps its moments and its value. Owns the moments; `dispose` frees them.
 */
export class AdamW {
  readonly #slots = new Map<string, Slot>();
  readonly #beta1: number;
  readonly #beta2: number;
  readonly #epsilon: number;
  readonly maxGradNorm: number;
  #step = 0;

  constructor(parameters: ReadonlyMap<string, tf.Variable>, options: AdamWOptions = {}) {
    this.#beta1 = options.beta1 ?? 0.9;
    this.#beta2 = options.beta2 ?? 0.95;
    this.#epsilon = options.epsilon ?? 1e-8;
    this.maxGradNorm = options.maxGradNorm ?? 1;
    const decays = options.decays ?? ((_name, rank) => rank >= 2);
    for (const [name, parameter] of parameters) {
      this.#slots.set(name, {
        parameter,
        // fill, not zeros: the backend owns the memory then, and gives it back when the moments are replaced
        first: tf.tidy(() => tf.variable(tf.fill(parameter.shape, 0), false)),
        second: tf.tidy(() => tf.variable(tf.fill(parameter.shape, 0), false)),
        decay: decays(name, parameter.rank) ? (options.weightDecay ?? 0) : 0,
      });
    }
  }

  /** Updates made so far. */
  get step(): number {
    return this.#step;
  }

  /**
   * One update. `gradNorm` is the global norm of these gradients; they are scaled by min(1, maxGradNorm / gradNorm).
   * Takes the gradients over: each is disposed of as soon as it has been used, so that its memory serves the next.
   */
  update(gradients: ReadonlyMap<string, tf.Tensor>, learningRate: number, gradNorm: number): void {
    this.#step++;
    const scale = gradNorm > this.maxGradNorm ? this.maxGradNorm / gradNorm : 1;
    const firstBias = 1 - this.#beta1 ** this.#step;
    // √(v/c) = √v/√c: the corrections are folded into two scalars.
    const rate = (learningRate * Math.sqrt(1 - this.#beta2 ** this.#step)) / firstBias;
    const epsilon = this.#epsilon * Math.sqrt(1 - this.#beta2 ** this.#step);
    const unknown = [...gradients.keys()].find((name) => !this.#slots.has(name));
    if (unknown !== undefined) throw unknownParameter(unknown);
    // the largest last: its new value needs room that the others' gradients have left by then
    const order = [...gradients].sort(([, a], [, b]) => a.size - b.size);
    for (const [name, gradient] of order) {
      const slot = this.#slots.get(name)!;
      tf.tidy(() => {
        const keep = 1 - learningRate * slot.decay;
        if (tf.getKernel('SrcodeAdamW', tf.getBackend())) {
          // one pass over memory, where the backend has it, instead of twelve; changes the moments in place
          const inputs = { value: slot.parameter, gradient, first: slot.first, second: slot.second };
          const attributes = { beta1: this.#beta1, beta2: this.#beta2, rate, epsilon, keep, scale };
          const [value] = tf.engine().runKernel('SrcodeAdamW', inputs, attributes) as tf.Tensor[];
          slot.parameter.assign(value!);
          return;
        }
        const g = scale === 1 ? gradient : tf.mul(gradient, scale);
        const first = tf.add(tf.mul(slot.first, this.#beta1), tf.mul(g, 1 - this.#beta1));
        const second = tf.add(tf.mul(slot.second, this.#beta2), tf.mul(tf.square(g), 1 - this.#beta2));
        const move = tf.mul(tf.div(first, tf.add(tf.sqrt(second), epsilon)), rate);
        const kept = slot.decay === 0 ? slot.parameter : tf.mul(slot.parameter, keep);
        slot.first.assign(first);
        slot.second.assign(second);
        slot.parameter.assign(tf.sub(kept, move));
      });
      gradient.dispose();
    }
  }

  /** Moments as plain records `<name>.first` and `<name>.second`, for a checkpoint. */
  async save(): Promise<Map<string, TensorRecord>> {
    const records = new Map<string, TensorRecord>();
    for (const [name, slot] of this.#slots) {
      for (const part of ['first', 'second'] as const) {
        const data = (await slot[part].data()) as Float32Array;
        records.set(`${name}.${part}`, { shape: slot[part].shape, data: data.slice() });
      }
    }
    return records;
  }

  /** Takes moments and step count of a checkpoint. Throws `InputError` when they are of other parameters. */
  restore(records: ReadonlyMap<string, TensorRecord>, step: number): void {
    for (const [name, slot] of this.#slots) {
      for (const part of ['first', 'second'] as const) assignRecord(slot[part], records, `${name}.${part}`);
    }
    this.#step = step;
  }

  dispose(): void {
    for (const slot of this.#slots.values()) {
      slot.first.dispose();
      slot.second.dispose();
    }
    this.#slots.clear();
  }
}

/** Puts the record `name` into the variable. Throws `InputError` when it is missing or of another shape. */
export function assignRecord(
  variable: tf.Variable,
  records: ReadonlyMap<string, TensorRecord>,
  name: string,
): void {
  const record = records.get(name);
  const same = record !== undefined && record.shape.join() === variable.shape.join();
  if (!same) {
    throw new InputError({
      code: 'CHECKPOINT_MISMATCH',
      message: `Expected the checkpoint to hold "${name}" of shape [${variable.shape}], found ${
        record === undefined ? 'none' : `shape [${record.shape}]`
      }. It belongs to another model; use another folder or start anew.`,
      context: { name },
    });
  }
  tf.tidy(() => {
    const read = tf.tensor(record.data, [...record.shape]);
    // a native backend works on the record's own array otherwise, and the optimizer would change it
    const own = tf.getKernel('SrcodeCopy', tf.getBackend())
      ? (tf.engine().runKernel('SrcodeCopy', { x: read }) as tf.Tensor[])[0]!
      : read;
    variable.assign(own);
  });
}

function unknownParameter(name: string): InputError {
  return new InputError({
    code: 'TRAINER_UNKNOWN_PARAMETER',
    message: `Expected gradients of the parameters that the optimizer was made for, got one of "${name}".`,
    context: { name },
  });
}
