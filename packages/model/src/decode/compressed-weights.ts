import * as tf from '@tensorflow/tfjs-core';
import { callKernel, hasKernel } from '../ops/kernel-call.js';

/** Storages of `SrcodeCompressWeights` that take less than float32, with the words of a row of k weights. */
const storages = [
  { storage: 1, unit: 2, words: (k: number) => k / 2 },
  { storage: 2, unit: 32, words: (k: number) => (k / 32) * 6 },
  { storage: 3, unit: 16, words: (k: number) => (k / 16) * 6 },
] as const;

function compress(weight: tf.Tensor2D): tf.Tensor2D | undefined {
  const [rows, k] = weight.shape;
  for (const { storage, unit, words } of storages) {
    if (rows === 0 || k === 0 || k % unit !== 0) continue;
    const attributes = { storage, words: words(k) };
    const [packed, done] = callKernel('SrcodeCompressWeights', { w: weight }, attributes);
    const [isExact] = done!.dataSync();
    done!.dispose();
    if (isExact === 1) return packed as tf.Tensor2D;
    packed!.dispose();
  }
  return undefined;
}

/**
 * Weights as decoding reads them. A token at a small batch costs about what reading all weights once costs, so weights
 * that are exactly bfloat16, or exactly few levels per block, as those of quantised files are, are kept a second time in
 * 1/2 to 1/5 of the size. Expanding gives the same float32 numbers bit by bit; others are read as they are. A weight that
 * training has changed since is looked at again.
 */
export class CompressedWeights {
  readonly #known = new Map<string, { readonly dataId: object; readonly packed: tf.Tensor2D | undefined }>();

  /** `weight` or a tensor in its place for `SrcodeSkinnyLinear` and `SrcodeDecodeLayer`; ours to dispose. */
  get(name: string, weight: tf.Tensor2D): tf.Tensor2D {
    if (!hasKernel('SrcodeCompressWeights')) return weight;
    const known = this.#known.get(name);
    if (known?.dataId === weight.dataId) return known.packed ?? weight;
    known?.packed?.dispose();
    const packed = compress(weight);
    if (packed) tf.keep(packed);
    this.#known.set(name, { dataId: weight.dataId, packed });
    return packed ?? weight;
  }

  dispose(): void {
    for (const { packed } of this.#known.values()) packed?.dispose();
    this.#known.clear();
  }
}
