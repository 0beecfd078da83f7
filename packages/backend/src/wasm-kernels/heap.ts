import type { TensorInfo } from '@tensorflow/tfjs-core';

/** The part of tfjs's wasm backend that our kernels use. */
export interface WasmBackend {
  readonly wasm: {
    readonly HEAPU8: Uint8Array;
    readonly asm: { readonly memory: object };
    _malloc(bytes: number): number;
    _free(pointer: number): void;
  };
  readonly dataIdMap: { get(dataId: object): { readonly memoryOffset: number } };
  makeOutput(shape: readonly number[], dtype: 'float32' | 'int32'): TensorInfo;
  incRef(dataId: object): void;
  refCount(dataId: object): number;
}

/** What `assembly/index.ts` exports: pointers are byte addresses, strides are in floats. */
export interface KernelExports {
  gemm(
    m: number,
    n: number,
    k: number,
    a: number,
    aRow: number,
    aDepth: number,
    b: number,
    bDepth: number,
    bColumn: number,
    c: number,
    cRow: number,
    accumulate: number,
    scratch: number,
  ): void;
  gemmScratchBytes(n: number, k: number): number;
  attentionScratchBytes(length: number, d: number): number;
  attention(...args: number[]): void;
  attentionGrad(...args: number[]): void;
  fillCache(...args: number[]): void;
  decodeAttention(...args: number[]): void;
  rmsNorm(n: number, d: number, x: number, w: number, epsilon: number, y: number, inverse: number): void;
  rmsNormGrad(...args: number[]): void;
  swiGlu(n: number, gate: number, up: number, y: number): void;
  swiGluGrad(n: number, gate: number, up: number, dy: number, dGate: number, dUp: number): void;
  logProbs(n: number, v: number, logits: number, targets: number, out: number, logSums: number): void;
  logProbsGrad(n: number, v: number, logits: number, targets: number, logSums: number, dy: number): void;
  scatterAdd(n: number, d: number, rows: number, ids: number, segments: number, table: number): void;
}

/** Number of elements of a tensor. */
export function sizeOf(tensor: { readonly shape: readonly number[] }): number {
  return tensor.shape.reduce((product, n) => product * n, 1);
}

/** tfjs's wasm heap with our kernels working in it, and one growing block of scratch memory. */
export class KernelHeap {
  readonly backend: WasmBackend;
  readonly kernels: KernelExports;
  #scratch = 0;
  #scratchBytes = 0;

  constructor(backend: WasmBackend, kernels: KernelExports) {
    this.backend = backend;
    this.kernels = kernels;
  }

  /** Byte address of a tensor's data. */
  at(tensor: TensorInfo): number {
    return this.backend.dataIdMap.get(tensor.dataId).memoryOffset;
  }

  /** Integer view of an int32 tensor's data; valid until the next allocation. */
  ints(tensor: TensorInfo): Int32Array {
    return new Int32Array(this.backend.wasm.HEAPU8.buffer, this.at(tensor), sizeOf(tensor));
  }

  /** A new float32 tensor with undefined contents. */
  make(shape: readonly number[]): TensorInfo {
    return this.backend.makeOutput(shape, 'float32');
  }

  /** Sets a tensor's data to zero. */
  clear(tensor: TensorInfo): void {
    const address = this.at(tensor);
    this.backend.wasm.HEAPU8.fill(0, address, address + sizeOf(tensor) * 4);
  }

  /** Address of at least `bytes` of scratch memory, valid until the next call. */
  scratch(bytes: number): number {
    if (bytes > this.#scratchBytes) {
      if (this.#scratch !== 0) this.backend.wasm._free(this.#scratch);
      this.#scratch = this.backend.wasm._malloc(bytes) >>> 0;
      this.#scratchBytes = bytes;
    }
    return this.#scratch;
  }
}
