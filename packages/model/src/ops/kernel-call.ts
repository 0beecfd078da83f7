import * as tf from '@tensorflow/tfjs-core';

/** True when the backend in use has a kernel of this name (`@srcode/backend` registers fused ones for `wasm`). */
export function hasKernel(name: string): boolean {
  return tf.getKernel(name, tf.getBackend()) !== undefined;
}

/** Outputs of a kernel, as tensors of the current tidy scope. */
export function callKernel(
  name: string,
  inputs: Readonly<Record<string, tf.Tensor>>,
  attributes: Readonly<Record<string, number | boolean>> = {},
): tf.Tensor[] {
  const outputs = tf.engine().runKernel(name, inputs, attributes) as tf.Tensor | tf.Tensor[];
  return Array.isArray(outputs) ? outputs : [outputs];
}

export type Save = (tensors: tf.Tensor[]) => void;

/** True inside `tf.grads` and its relatives: when a forward pass is training. */
export function isComputingGradients(): boolean {
  const { state } = tf.engine() as unknown as { readonly state: { readonly gradientDepth: number } };
  return state.gradientDepth > 0;
}
