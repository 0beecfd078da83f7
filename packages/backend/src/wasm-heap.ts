import type { TensorInfo } from '@tensorflow/tfjs-core';

/** The part of tfjs's wasm backend that our kernels use. */
export interface WasmBackend {
  readonly wasm: {
    readonly HEAPU8: Uint8Array;
    readonly asm: Readonly<Record<string, unknown>>;
    _malloc(bytes: number): number;
    _free(pointer: number): void;
  };
  readonly dataIdMap: { get(dataId: object): { readonly memoryOffset: number } };
  makeOutput(shape: readonly number[], dtype: 'float32' | 'int32'): TensorInfo;
  incRef(dataId: object): void;
  disposeData(dataId: object): boolean;
}

/** Byte address of a tensor's data in the wasm memory. */
export function addressOf(backend: WasmBackend, tensor: TensorInfo): number {
  return backend.dataIdMap.get(tensor.dataId).memoryOffset;
}

/** Float view of a tensor's data; valid until the next allocation, which may grow (and so move) the memory. */
export function floatsOf(backend: WasmBackend, tensor: TensorInfo): Float32Array {
  const size = tensor.shape.reduce((product, n) => product * n, 1);
  return new Float32Array(backend.wasm.HEAPU8.buffer, addressOf(backend, tensor), size);
}

/** Integer view of an int32 tensor's data; valid until the next allocation. */
export function intsOf(backend: WasmBackend, tensor: TensorInfo): Int32Array {
  const size = tensor.shape.reduce((product, n) => product * n, 1);
  return new Int32Array(backend.wasm.HEAPU8.buffer, addressOf(backend, tensor), size);
}
