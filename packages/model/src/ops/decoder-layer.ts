import * as tf from '@tensorflow/tfjs-core';
import type { AttentionLayout } from './attend.js';
import { callKernel, hasKernel, type Save } from './kernel-call.js';
import { type Linear, type LinearOutput, runLinears, runLinearsBackward } from './linears.js';

/** Names of a layer's products in the order of their work. */
const linearNames = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const;
type LinearName = (typeof linearNames)[number];

export interface DecoderLayer extends Readonly<Record<LinearName, Linear>> {
  readonly inputNorm: tf.Tensor1D;
  readonly innerNorm: tf.Tensor1D;
  readonly epsilon: number;
  /** True when only factors are trained: no other gradient is formed. */
  readonly frozen: boolean;
}

/** True when the backend has the kernels of `decoderLayer`. */
export function hasDecoderLayer(): boolean {
  return hasKernel('SrcodeAttentionGrad') && hasKernel('SrcodeLowRank');
}

/** What training changes in a layer, in the order in which `decoderLayer` returns gradients. */
function listTrained(layer: DecoderLayer): tf.Tensor[] {
  const linears = linearNames.flatMap((name) => {
    const { weight, bias, factors } = layer[name];
    if (layer.frozen) return factors ? [factors.a, factors.b] : [];
    return bias ? [weight, bias] : [weight];
  });
  return layer.frozen ? linears : [layer.inputNorm, layer.innerNorm, ...linears];
}

const norm = (x: tf.Tensor, w: tf.Tensor, epsilon: number) =>
  callKernel('SrcodeRmsNorm', { x, w }, { epsilon }) as [tf.Tensor2D, tf.Tensor1D];

const normBackward = (x: tf.Tensor, w: tf.Tensor, inverse: tf.Tensor, dy: tf.Tensor) =>
  callKernel('SrcodeRmsNormGrad', { x, w, inverse, dy }) as [tf.Tensor2D, tf.Tensor1D];

/**
 * A whole layer of a Llama: x [N, D] → [N, D], N = B·T, as one entry of the tape. What is kept for the gradient are the
 * products' outputs alone; norms and gates are computed again, and what was kept is freed as the backward pass has used
 * it: so is the gradient by the output, which must be of no other use. The same numbers as the ops one by one. Caller
 * disposes.
 */
export function decoderLayer(x: tf.Tensor2D, layer: DecoderLayer, layout: AttentionLayout): tf.Tensor2D {
  const { batchSize, length, heads, kvHeads, headDim, starts, ends, cos, sin } = layout;
  const attributes = { batchSize, length, heads, kvHeads, headDim };
  const { epsilon, frozen } = layer;
  return tf.customGrad((...args: unknown[]) => {
    const [x, save] = [args[0] as tf.Tensor2D, args.at(-1) as Save];
    const [h] = norm(x, layer.inputNorm, epsilon);
    const [[q, zq], [k, zk], [v, zv]] = runLinears(h, [layer.q, layer.k, layer.v]) as [
      LinearOutput,
      LinearOutput,
      LinearOutput,
    ];
    const attention = { q, k, v, starts, ends, cos, sin };
    const [mixed, logSums] = callKernel('SrcodeAttention', attention, attributes) as [tf.Tensor2D, tf.Tensor];
    const [[projected, zo]] = runLinears(mixed, [layer.o]) as [LinearOutput];
    const inner = tf.add(x, projected) as tf.Tensor2D;
    const [h2] = norm(inner, layer.innerNorm, epsilon);
    const [[gate, zGate], [up, zUp]] = runLinears(h2, [layer.gate, layer.up]) as [LinearOutput, LinearOutput];
    const [product] = callKernel('SrcodeSwiGlu', { gate, up }) as [tf.Tensor2D];
    const [[out, zDown]] = runLinears(product, [layer.down]) as [LinearOutput];
    const factors = [zq, zk, zv, zo, zGate, zUp, zDown];
    const present = factors.filter((z) => z !== undefined);
    save([x, inner, q, k, v, mixed, logSums, gate, up, starts, ends, cos, sin, ...present]);
    const isPresent = factors.map((z) => z !== undefined);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const gradients = tf.tidy(() => backward(dy as tf.Tensor2D, saved, isPresent));
      // the tape itself would keep these to its end
      tf.dispose([saved, dy]);
      return gradients;
    };
    return { value: tf.add(inner, out), gradFunc };
  })(x, ...listTrained(layer)) as tf.Tensor2D;

  function backward(dy: tf.Tensor2D, saved: tf.Tensor[], isPresent: readonly boolean[]): tf.Tensor[] {
    const [x, inner, q, k, v, mixed, logSums, gate, up, starts, ends, cos, sin, ...present] =
      saved as tf.Tensor2D[] & { readonly [index: number]: tf.Tensor2D };
    const rest = present.values();
    const z = Object.fromEntries(
      linearNames.map((name, i) => [name, isPresent[i] ? rest.next().value : undefined]),
    );
    const trained: Partial<Record<LinearName, tf.Tensor[]>> = {};
    const back = (names: readonly LinearName[], dy: readonly tf.Tensor2D[], input: tf.Tensor2D) => {
      const linears = names.map((name) => layer[name]);
      const kept = names.map((name) => z[name]);
      const [dx, own] = runLinearsBackward(input, linears, kept, dy, frozen);
      names.forEach((name, i) => {
        trained[name] = own[i]!;
      });
      return dx;
    };
    const [product] = callKernel('SrcodeSwiGlu', { gate: gate!, up: up! }) as [tf.Tensor2D];
    const dProduct = back(['down'], [dy], product);
    product.dispose();
    const [dGate, dUp] = callKernel('SrcodeSwiGluGrad', { gate: gate!, up: up!, dy: dProduct }) as [
      tf.Tensor2D,
      tf.Tensor2D,
    ];
    dProduct.dispose();
    const [h2, inverse2] = norm(inner!, layer.innerNorm, epsilon);
    const dH2 = back(['gate', 'up'], [dGate, dUp], h2);
    tf.dispose([dGate, dUp, h2]);
    const [throughInner, dInnerNorm] = normBackward(inner!, layer.innerNorm, inverse2, dH2);
    const dInner = tf.add(dy, throughInner) as tf.Tensor2D;
    const dMixed = back(['o'], [dInner], mixed!);
    const attention = { q: q!, k: k!, v: v!, starts: starts!, ends: ends!, cos: cos!, sin: sin! };
    const outputs = { out: mixed!, logSums: logSums!, dy: dMixed };
    const [dq, dk, dv] = callKernel('SrcodeAttentionGrad', { ...attention, ...outputs }, attributes) as [
      tf.Tensor2D,
      tf.Tensor2D,
      tf.Tensor2D,
    ];
    const [h, inverse] = norm(x!, layer.inputNorm, epsilon);
    const dH = back(['q', 'k', 'v'], [dq, dk, dv], h);
    const [throughX, dInputNorm] = normBackward(x!, layer.inputNorm, inverse, dH);
    const linears = linearNames.flatMap((name) => trained[name]!);
    return [tf.add(dInner, throughX), ...(frozen ? linears : [dInputNorm, dInnerNorm, ...linears])];
  }
}
