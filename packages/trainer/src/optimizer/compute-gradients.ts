import { SrcodeError } from '@srcode/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * The loss, and its gradient by parameter *name* (not by the name of the tfjs variable, which is global to the
 * process). A parameter that the loss does not depend on is absent. Caller disposes all of them.
 */
export function computeGradients(
  loss: () => tf.Scalar,
  parameters: ReadonlyMap<string, tf.Variable>,
): { readonly value: tf.Scalar; readonly gradients: Map<string, tf.Tensor> } {
  const { value, grads } = tf.variableGrads(loss, [...parameters.values()]);
  const gradients = new Map<string, tf.Tensor>();
  for (const [name, variable] of parameters) {
    const gradient = grads[variable.name];
    if (gradient !== null && gradient !== undefined) gradients.set(name, gradient);
  }
  return { value, gradients };
}

/** Σ x² [1], where the backend has a kernel for it without a copy of x. */
function sumOfSquares(x: tf.Tensor): tf.Tensor1D {
  if (tf.getKernel('SrcodeSumOfSquares', tf.getBackend()))
    return (tf.engine().runKernel('SrcodeSumOfSquares', { x }) as tf.Tensor1D[])[0]!;
  return tf.reshape(tf.sum(tf.square(x)), [1]);
}

/** Sums gradients over micro-batches; owns the sums. */
export class GradientAccumulator {
  #sums = new Map<string, tf.Tensor>();

  /** Adds and takes ownership of the tensors. */
  add(gradients: ReadonlyMap<string, tf.Tensor>): void {
    for (const [name, gradient] of gradients) {
      const sum = this.#sums.get(name);
      if (sum === undefined) {
        this.#sums.set(name, gradient);
        continue;
      }
      this.#sums.set(name, tf.add(sum, gradient));
      sum.dispose();
      gradient.dispose();
    }
  }

  get gradients(): ReadonlyMap<string, tf.Tensor> {
    return this.#sums;
  }

  /** Euclidean norm over all gradients together. Throws when it is not a finite number: training has diverged. */
  async globalNorm(where: string): Promise<number> {
    const squares = tf.tidy(() => {
      const parts = [...this.#sums.values()].map(sumOfSquares);
      return parts.length === 0 ? tf.zeros([1]) : tf.concat(parts);
    });
    const data = await squares.data();
    squares.dispose();
    let sum = 0;
    for (const square of data) sum += square;
    const norm = Math.sqrt(sum);
    if (Number.isFinite(norm)) return norm;
    throw new SrcodeError({
      code: 'TRAINER_DIVERGED',
      message: `${where}: expected finite gradients, got a norm of ${norm}. Training has diverged; lower the learning rate or clip harder. The last checkpoint is intact.`,
      context: { where },
    });
  }

  dispose(): void {
    for (const sum of this.#sums.values()) sum.dispose();
    this.#sums = new Map();
  }
}
