import * as tf from '@tensorflow/tfjs-core';
import { callKernel, hasKernel } from './kernel-call.js';

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

/** A product's output, and what its factors' gradient wants kept. */
export type LinearOutput = readonly [y: tf.Tensor2D, z: tf.Tensor2D | undefined];

/** Smallest sides of products that the backend's own takes: below, packing costs more than it gains. */
const minTileSide = 48;

function fitsTiles(rows: number, weights: readonly tf.Tensor2D[]): boolean {
  return (
    hasKernel('SrcodeTileLinears') && Math.min(rows, ...weights.flatMap(({ shape }) => shape)) >= minTileSide
  );
}

/** Tensors as inputs of a kernel that takes as many as there are. */
const listed = (tensors: readonly tf.Tensor[]) => Object.fromEntries(tensors.map((x, i) => [`input${i}`, x]));

const adapted = (linears: readonly Linear[]) =>
  linears.flatMap(({ factors }, i) => (factors ? [{ ...factors, i }] : []));

const scales = (all: readonly { readonly scale: number }[]) =>
  Object.fromEntries(all.map(({ scale }, i) => [`scale${i}`, scale]));

/**
 * One to three products of one input, x [N, in]: y = x·Wᵀ + z·bᵀ + bias [N, out], and z = scale·x·aᵀ [N, r], which the
 * factors' gradient wants kept.
 */
export function runLinears(x: tf.Tensor2D, linears: readonly Linear[]): LinearOutput[] {
  const weights = linears.map(({ weight }) => weight);
  const products = fitsTiles(x.shape[0], weights)
    ? callKernel('SrcodeTileLinears', listed([x, ...weights]))
    : weights.map((w) => tf.matMul(x, w, false, true));
  const factors = adapted(linears);
  const kept: (tf.Tensor | undefined)[] = [];
  if (factors.length > 0) {
    // in place: nobody else has seen the products yet
    const inputs = [x, ...factors.flatMap(({ a, b, i }) => [a, b, products[i]!])];
    const outputs = callKernel('SrcodeLowRank', listed(inputs), scales(factors));
    factors.forEach(({ i }, at) => {
      kept[i] = outputs[at];
    });
  }
  return linears.map(({ bias }, i) => {
    const y = bias ? tf.add(products[i]!, bias) : products[i]!;
    return [y as tf.Tensor2D, kept[i] as tf.Tensor2D | undefined] as const;
  });
}

/**
 * Gradients of `runLinears` given dy of each product: by x, summed over the products, and by what is trained in each:
 * its factors [da, db] when `frozen`, else [dW] or [dW, dBias].
 */
export function runLinearsBackward(
  x: tf.Tensor2D,
  linears: readonly Linear[],
  z: readonly (tf.Tensor2D | undefined)[],
  dy: readonly tf.Tensor2D[],
  frozen: boolean,
): [dx: tf.Tensor2D, trained: tf.Tensor[][]] {
  const weights = linears.map(({ weight }) => weight);
  const tiled = fitsTiles(x.shape[0], weights);
  const dx = tiled
    ? callKernel('SrcodeTileLinearsGrad', listed([...weights, ...dy]))[0]!
    : weights.map((w, i) => tf.matMul(dy[i]!, w)).reduce((sum, part) => tf.add(sum, part));
  if (!frozen) {
    const outers = tiled
      ? callKernel('SrcodeTileOuters', listed([x, ...dy]))
      : dy.map((own) => tf.matMul(own, x, true));
    const trained = linears.map(({ bias }, i) => (bias ? [outers[i]!, tf.sum(dy[i]!, 0)] : [outers[i]!]));
    return [dx as tf.Tensor2D, trained];
  }
  const trained: tf.Tensor[][] = linears.map(() => []);
  const factors = adapted(linears);
  if (factors.length > 0) {
    // in place: dx is ours alone
    const inputs = [x, dx, ...factors.flatMap(({ a, b, i }) => [a, b, z[i]!, dy[i]!])];
    const outputs = callKernel('SrcodeLowRankGrad', listed(inputs), scales(factors));
    factors.forEach(({ i }, at) => {
      trained[i] = outputs.slice(2 * at, 2 * at + 2);
    });
  }
  return [dx as tf.Tensor2D, trained];
}
