import * as tf from '@tensorflow/tfjs-core';
import type { AttentionLayout } from './attend.js';
import { callKernel, hasKernel, type Save } from './kernel-call.js';

/** The addition scale·b·a to a frozen weight: a [r, in], b [out, r]. */
export interface LowRankFactors {
  readonly a: tf.Tensor2D;
  readonly b: tf.Tensor2D;
  readonly scale: number;
}

export interface Linear {
  /** [out, in]. */
  readonly weight: tf.Tensor2D;
  readonly bias?: tf.Tensor1D | undefined;
  readonly factors?: LowRankFactors | undefined;
}

/** Names of a layer's products in the order of their work. */
const linearNames = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const;

export interface DecoderLayer extends Readonly<Record<(typeof linearNames)[number], Linear>> {
  readonly inputNorm: tf.Tensor1D;
  readonly innerNorm: tf.Tensor1D;
  readonly epsilon: number;
  /** True when only factors are trained: no other gradient is formed. */
  readonly frozen: boolean;
}

/** True when the backend has the kernels of `decoderLayer`. */
export function hasDecoderLayer(): boolean {
  return hasKernel('SrcodeLayer');
}

/** What training changes in a layer, in the order in which `SrcodeLayerGrad` returns gradients. */
export function listTrained(layer: DecoderLayer): tf.Tensor[] {
  const linears = linearNames.flatMap((name) => {
    const { weight, bias, factors } = layer[name];
    if (layer.frozen) return factors ? [factors.a, factors.b] : [];
    return bias ? [weight, bias] : [weight];
  });
  return layer.frozen ? linears : [layer.inputNorm, layer.innerNorm, ...linears];
}

/** What the kernels read besides activations; `none` stands for what a product does not have. */
function listInputs(layer: DecoderLayer, layout: AttentionLayout, none: tf.Tensor) {
  const { starts, ends, cos, sin } = layout;
  const inputs: Record<string, tf.Tensor> = {
    ...{ inputNorm: layer.inputNorm, innerNorm: layer.innerNorm },
    ...{ starts, ends, cos, sin },
  };
  for (const name of linearNames) {
    const { weight, bias, factors } = layer[name];
    inputs[`${name}Weight`] = weight;
    inputs[`${name}Bias`] = bias ?? none;
    inputs[`${name}A`] = factors?.a ?? none;
    inputs[`${name}B`] = factors?.b ?? none;
  }
  return inputs;
}

function listAttributes(layer: DecoderLayer, layout: AttentionLayout): Record<string, number> {
  const { batchSize, length, heads, kvHeads, headDim } = layout;
  const { epsilon, frozen } = layer;
  const scales = linearNames.map((name) => [`${name}Scale`, layer[name].factors?.scale ?? 0]);
  const shape = { batchSize, length, heads, kvHeads, headDim };
  return { ...shape, epsilon, frozen: frozen ? 1 : 0, ...Object.fromEntries(scales) };
}

/**
 * A whole layer of a Llama: x [N, D] → [N, D], N = B·T, as one kernel and one entry of the tape. What is kept for the
 * gradient are the products' outputs alone; norms and gates are computed again, and what was kept is freed as the backward
 * pass has used it: so is the gradient by the output, which must be of no other use. `see` is shown keys and values, before
 * they are rotated [N, KV·d]. Caller disposes.
 */
export function decoderLayer(
  x: tf.Tensor2D,
  layer: DecoderLayer,
  layout: AttentionLayout,
  see?: (k: tf.Tensor2D, v: tf.Tensor2D) => void,
): tf.Tensor2D {
  const attributes = listAttributes(layer, layout);
  const keptNames = [
    ...['inner', 'q', 'k', 'v', 'mixed', 'logSums', 'gate', 'up'],
    ...linearNames.filter((name) => layer[name].factors).map((name) => `${name}Z`),
  ];
  return tf.customGrad((...args: unknown[]) => {
    const [x, save] = [args[0] as tf.Tensor2D, args.at(-1) as Save];
    const none = tf.zeros([0]);
    const inputs = listInputs(layer, layout, none);
    const [value, ...kept] = callKernel('SrcodeLayer', { x, ...inputs }, attributes);
    const [, , k, v] = kept as tf.Tensor2D[];
    see?.(k!, v!);
    save([x, none, inputs.starts!, inputs.ends!, inputs.cos!, inputs.sin!, ...kept]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [x, none, starts, ends, cos, sin, ...kept] = saved as [tf.Tensor2D, ...tf.Tensor[]];
      const own = Object.fromEntries(keptNames.map((name, i) => [name, kept[i]!]));
      const inputs = listInputs(
        layer,
        { ...layout, ...{ starts, ends, cos, sin } } as AttentionLayout,
        none!,
      );
      const gradients = callKernel('SrcodeLayerGrad', { x, ...inputs, ...own, dy }, attributes);
      // the tape itself would keep these to its end
      tf.dispose([saved, dy]);
      return gradients;
    };
    return { value: value!, gradFunc };
  })(x, ...listTrained(layer)) as tf.Tensor2D;
}
