import type { TensorInfo } from '@tensorflow/tfjs-core';
import { type KernelHeap, sizeOf } from './heap.js';

/** Offset, in matrices, of each output matrix's operand when batch dimensions are broadcast. */
function operandIndex(batch: readonly number[], out: readonly number[], index: number): number {
  let result = 0;
  let stride = 1;
  for (let axis = out.length - 1; axis >= 0; axis--) {
    const coordinate = index % out[axis]!;
    index = Math.floor(index / out[axis]!);
    const own = batch[axis - (out.length - batch.length)];
    if (own === undefined) continue;
    if (own > 1) result += coordinate * stride;
    stride *= own;
  }
  return result;
}

function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const left = a[i - (rank - a.length)] ?? 1;
    const right = b[i - (rank - b.length)] ?? 1;
    if (left !== right && left !== 1 && right !== 1)
      throw new Error(`matMul: batch dimensions [${a}] and [${b}] do not fit each other.`);
    return Math.max(left, right);
  });
}

/** op(a) · op(b) over the last two axes, batched with broadcasting. */
export function matMul(
  heap: KernelHeap,
  a: TensorInfo,
  b: TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
): TensorInfo {
  if (a.dtype !== 'float32' || b.dtype !== 'float32')
    throw new Error(`matMul: expected float32 operands, got ${a.dtype} and ${b.dtype}; cast them first.`);
  const [rowsA, columnsA] = a.shape.slice(-2) as [number, number];
  const [rowsB, columnsB] = b.shape.slice(-2) as [number, number];
  const [m, k] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA];
  const [inner, n] = transposeB ? [columnsB, rowsB] : [rowsB, columnsB];
  if (k !== inner) throw new Error(`matMul: inner sizes of [${a.shape}] and [${b.shape}] differ.`);
  const batchA = a.shape.slice(0, -2);
  const batchB = b.shape.slice(0, -2);
  const batch = broadcast(batchA, batchB);
  const out = heap.make([...batch, m, n]);
  const count = sizeOf({ shape: batch });
  if (sizeOf(out) === 0) return out;
  if (k === 0) {
    heap.clear(out);
    return out;
  }
  const scratch = heap.scratch(heap.kernels.gemmScratchBytes(n, k));
  const [aRow, aDepth] = transposeA ? [1, columnsA] : [columnsA, 1];
  const [bDepth, bColumn] = transposeB ? [1, columnsB] : [columnsB, 1];
  const [atA, atB, atC] = [heap.at(a), heap.at(b), heap.at(out)];
  const same = batchA.join() === batchB.join();
  for (let i = 0; i < count; i++) {
    const ia = same ? i : operandIndex(batchA, batch, i);
    const ib = same ? i : operandIndex(batchB, batch, i);
    const pa = atA + ia * m * k * 4;
    const pb = atB + ib * k * n * 4;
    heap.kernels.gemm(m, n, k, pa, aRow, aDepth, pb, bDepth, bColumn, atC + i * m * n * 4, n, 0, scratch);
  }
  return out;
}
