import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelHeap } from './heap.js';

/** 2^19 logits (2 MiB) at a time stay in the second-level cache between the product and the reduction. */
const maxChunkLogits = 1 << 19;

function plan(heap: KernelHeap, hidden: TensorInfo, weight: TensorInfo) {
  const [rows, size] = hidden.shape as [number, number];
  const vocabSize = weight.shape[0]!;
  const chunk = Math.max(4, Math.min(rows, Math.floor(maxChunkLogits / vocabSize)));
  const { gemmScratchBytes } = heap.kernels;
  const products = Math.max(gemmScratchBytes(vocabSize, size), gemmScratchBytes(size, vocabSize));
  const gradient = gemmScratchBytes(size, chunk);
  const logits = heap.scratch(chunk * vocabSize * 4 + Math.max(products, gradient));
  return { rows, size, vocabSize, chunk, logits, scratch: logits + chunk * vocabSize * 4 };
}

/** [log-probabilities [N], log-sums [N]] of `targets` under softmax(hidden · weightᵀ), a chunk of rows at a time. */
export function logProbs(
  heap: KernelHeap,
  hidden: TensorInfo,
  weight: TensorInfo,
  targets: TensorInfo,
): TensorInfo[] {
  const out = heap.make([hidden.shape[0]!]);
  const logSums = heap.make([hidden.shape[0]!]);
  const { rows, size, vocabSize: v, chunk, logits, scratch } = plan(heap, hidden, weight);
  const [h, w, t, o, s] = [hidden, weight, targets, out, logSums].map((x) => heap.at(x)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  for (let start = 0; start < rows; start += chunk) {
    const n = Math.min(chunk, rows - start);
    heap.kernels.gemm(n, v, size, h + start * size * 4, size, 1, w, 1, size, logits, v, 0, scratch);
    heap.kernels.logProbs(n, v, logits, t + start * 4, o + start * 4, s + start * 4);
  }
  return [out, logSums];
}

/** [dHidden, dWeight] (dWeight only with `withWeight`) for `dy` [N]; the logits are computed again. */
export function logProbsGrad(
  heap: KernelHeap,
  inputs: {
    readonly hidden: TensorInfo;
    readonly weight: TensorInfo;
    readonly targets: TensorInfo;
    readonly logSums: TensorInfo;
    readonly dy: TensorInfo;
  },
  withWeight: boolean,
): TensorInfo[] {
  const { hidden, weight } = inputs;
  const dHidden = heap.make(hidden.shape);
  const dWeight = withWeight ? heap.make(weight.shape) : undefined;
  const { rows, size, vocabSize: v, chunk, logits, scratch } = plan(heap, hidden, weight);
  const { gemm, logProbsGrad: toGradient } = heap.kernels;
  const [h, w, dh] = [heap.at(hidden), heap.at(weight), heap.at(dHidden)];
  const [t, s, dy] = [heap.at(inputs.targets), heap.at(inputs.logSums), heap.at(inputs.dy)];
  const dw = dWeight ? heap.at(dWeight) : 0;
  for (let start = 0; start < rows; start += chunk) {
    const n = Math.min(chunk, rows - start);
    const from = h + start * size * 4;
    gemm(n, v, size, from, size, 1, w, 1, size, logits, v, 0, scratch);
    toGradient(n, v, logits, t + start * 4, s + start * 4, dy + start * 4);
    gemm(n, size, v, logits, v, 1, w, size, 1, dh + start * size * 4, size, 0, scratch);
    if (dWeight) gemm(v, size, n, logits, 1, v, from, size, 1, dw, size, start > 0 ? 1 : 0, scratch);
  }
  return dWeight ? [dHidden, dWeight] : [dHidden];
}
