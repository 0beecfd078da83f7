import * as tf from '@tensorflow/tfjs-core';
import { kernelBinary } from './binary.js';
import { type KernelExports, KernelHeap, sizeOf, type WasmBackend } from './heap.js';
import { logProbs, logProbsGrad } from './log-probs.js';
import { matMul } from './mat-mul.js';

type Inputs = Readonly<Record<string, tf.TensorInfo>>;
type Attributes = Readonly<Record<string, unknown>>;
type Kernel = (heap: KernelHeap, inputs: Inputs, attributes: Attributes) => tf.TensorInfo | tf.TensorInfo[];

/** Kernels that replace slow or missing ones of tfjs's wasm backend. */
const standardKernels: Readonly<Record<string, Kernel>> = {
  BatchMatMul: (heap, { a, b }, { transposeA, transposeB }) =>
    matMul(heap, a!, b!, transposeA === true, transposeB === true),
  // tfjs copies the data; tensors are immutable, so sharing it is enough (as its other backends do)
  Identity: ({ backend }, { x }) => {
    backend.incRef(x!.dataId);
    return { dataId: x!.dataId, shape: x!.shape, dtype: x!.dtype };
  },
  UnsortedSegmentSum: (heap, { x, segmentIds }, { numSegments }) => {
    const rows = sizeOf(segmentIds!);
    const rowShape = x!.shape.slice(segmentIds!.shape.length);
    const out = heap.make([numSegments as number, ...rowShape]);
    heap.clear(out);
    const width = sizeOf({ shape: rowShape });
    heap.kernels.scatterAdd(
      rows,
      width,
      heap.at(x!),
      heap.at(segmentIds!),
      numSegments as number,
      heap.at(out),
    );
    return out;
  },
};

/** Rows of `x` by `indices` along axis 0: one copy each, where tfjs walks element by element. */
function gatherRows(heap: KernelHeap, x: tf.TensorInfo, indices: tf.TensorInfo): tf.TensorInfo {
  const rowShape = x.shape.slice(1);
  const bytes = sizeOf({ shape: rowShape }) * 4;
  const out = heap.backend.makeOutput([...indices.shape, ...rowShape], x.dtype as 'float32' | 'int32');
  const { HEAPU8 } = heap.backend.wasm;
  const [from, to] = [heap.at(x), heap.at(out)];
  const limit = x.shape[0]!;
  heap.ints(indices).forEach((index, i) => {
    if (index < 0 || index >= limit)
      throw new RangeError(`gather: expected indices in [0, ${limit}), got ${index} at ${i}.`);
    HEAPU8.copyWithin(to + i * bytes, from + index * bytes, from + (index + 1) * bytes);
  });
  return out;
}

/** Takes over `gather` along axis 0; everything else stays with tfjs. */
function registerGather(heap: KernelHeap): void {
  const original = tf.getKernel('GatherV2', 'wasm');
  tf.unregisterKernel('GatherV2', 'wasm');
  tf.registerKernel({
    ...original,
    kernelFunc: (parameters) => {
      const { x, indices } = parameters.inputs as Inputs;
      const { axis, batchDims } = (parameters.attrs ?? {}) as { axis?: number; batchDims?: number };
      const fourBytes = x!.dtype === 'float32' || x!.dtype === 'int32';
      return (axis ?? 0) === 0 && (batchDims ?? 0) === 0 && fourBytes && indices!.dtype === 'int32'
        ? gatherRows(heap, x!, indices!)
        : original.kernelFunc(parameters);
    },
  });
}

/** Fused kernels, under names of our own; the model uses them where the backend has them. */
const fusedKernels: Readonly<Record<string, Kernel>> = {
  SrcodeRmsNorm: (heap, { x, w }, { epsilon }) => {
    const [n, d] = x!.shape as [number, number];
    const y = heap.make([n, d]);
    const inverse = heap.make([n]);
    heap.kernels.rmsNorm(n, d, heap.at(x!), heap.at(w!), epsilon as number, heap.at(y), heap.at(inverse));
    return [y, inverse];
  },
  SrcodeRmsNormGrad: (heap, { x, w, inverse, dy }) => {
    const [n, d] = x!.shape as [number, number];
    const dx = heap.make([n, d]);
    const dw = heap.make([d]);
    const [px, pw, pi, pdy] = [heap.at(x!), heap.at(w!), heap.at(inverse!), heap.at(dy!)];
    heap.kernels.rmsNormGrad(n, d, px, pw, pi, pdy, heap.at(dx), heap.at(dw));
    return [dx, dw];
  },
  SrcodeSwiGlu: (heap, { gate, up }) => {
    const y = heap.make(gate!.shape);
    heap.kernels.swiGlu(sizeOf(y), heap.at(gate!), heap.at(up!), heap.at(y));
    return y;
  },
  SrcodeSwiGluGrad: (heap, { gate, up, dy }) => {
    const dGate = heap.make(gate!.shape);
    const dUp = heap.make(gate!.shape);
    const [pg, pu, pdy] = [heap.at(gate!), heap.at(up!), heap.at(dy!)];
    heap.kernels.swiGluGrad(sizeOf(dGate), pg, pu, pdy, heap.at(dGate), heap.at(dUp));
    return [dGate, dUp];
  },
  SrcodeLogProbs: (heap, { hidden, weight, targets }) => logProbs(heap, hidden!, weight!, targets!),
  SrcodeLogProbsGrad: (heap, inputs, { withWeight }) =>
    logProbsGrad(heap, inputs as Parameters<typeof logProbsGrad>[1], withWeight === true),
  SrcodeAttention: (heap, inputs, attributes) => {
    const { batchSize, length, heads, kvHeads, headDim } = attributes as Record<string, number>;
    const out = heap.make(inputs.q!.shape);
    const logSums = heap.make([batchSize!, heads!, length!]);
    heap.clear(logSums);
    const scratch = heap.scratch(heap.kernels.attentionScratchBytes(length!, headDim!));
    const { q, k, v, starts, ends, cos, sin } = inputs;
    const pointers = [q, k, v, starts, ends, cos, sin, out, logSums].map((x) => heap.at(x!));
    heap.kernels.attention(batchSize!, length!, heads!, kvHeads!, headDim!, ...pointers, scratch);
    return [out, logSums];
  },
  SrcodeAttentionGrad: (heap, inputs, attributes) => {
    const { batchSize, length, heads, kvHeads, headDim } = attributes as Record<string, number>;
    const { q, k, v, starts, ends, cos, sin, out, logSums, dy } = inputs;
    const grads = [heap.make(q!.shape), heap.make(k!.shape), heap.make(v!.shape)];
    const scratch = heap.scratch(heap.kernels.attentionScratchBytes(length!, headDim!));
    const pointers = [q, k, v, starts, ends, cos, sin, out, logSums, dy, ...grads].map((x) => heap.at(x!));
    heap.kernels.attentionGrad(batchSize!, length!, heads!, kvHeads!, headDim!, ...pointers, scratch);
    return grads;
  },
  SrcodeFillCache: (heap, inputs, attributes) => {
    const { batchSize, length, kvHeads, headDim, capacity } = attributes as Record<string, number>;
    const { k, v, starts, ends, targets, cos, sin, cacheK, cacheV } = inputs;
    const pointers = [k, v, starts, ends, targets, cos, sin, cacheK, cacheV].map((x) => heap.at(x!));
    heap.kernels.fillCache(batchSize!, length!, kvHeads!, headDim!, ...pointers, capacity!);
    return [];
  },
  SrcodeCopyRows: (heap, { cache, from, to }) => {
    const bytes = (sizeOf(cache!) / cache!.shape[0]!) * 4;
    const address = heap.at(cache!);
    const sources = heap.ints(from!);
    heap.ints(to!).forEach((row, i) => {
      const source = address + sources[i]! * bytes;
      heap.backend.wasm.HEAPU8.copyWithin(address + row * bytes, source, source + bytes);
    });
    return [];
  },
  SrcodeDecodeAttention: (heap, inputs, attributes) => {
    const { heads, kvHeads, headDim, capacity } = attributes as Record<string, number>;
    const { q, k, v, cacheRows, positions, cos, sin, cacheK, cacheV } = inputs;
    const out = heap.make(q!.shape);
    const scores = heap.scratch((capacity! + headDim!) * 4);
    const pointers = [q, k, v, cacheRows, positions, cos, sin, cacheK, cacheV].map((x) => heap.at(x!));
    const [rows, o] = [q!.shape[0]!, heap.at(out)];
    heap.kernels.decodeAttention(
      rows,
      heads!,
      kvHeads!,
      headDim!,
      ...pointers,
      capacity!,
      o,
      scores,
      scores + capacity! * 4,
    );
    return out;
  },
};

// The types of Node 20 name the `WebAssembly` namespace without its classes, and `lib.dom` is not for a library.
const webAssembly = (globalThis as unknown as { WebAssembly: WebAssemblyClasses }).WebAssembly;
interface WebAssemblyClasses {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

/** Instantiates our kernels in the memory of tfjs's wasm backend and registers them there. Call once, when it is set. */
export function registerWasmKernels(backend: WasmBackend): void {
  const { memory } = backend.wasm.asm;
  const { Module, Instance } = webAssembly;
  const { exports } = new Instance(new Module(Buffer.from(kernelBinary, 'base64')), {
    env: { memory, log: Math.log },
  });
  const heap = new KernelHeap(backend, exports as KernelExports);
  registerGather(heap);
  for (const [kernelName, kernel] of Object.entries({ ...standardKernels, ...fusedKernels })) {
    if (tf.getKernel(kernelName, 'wasm')) tf.unregisterKernel(kernelName, 'wasm');
    tf.registerKernel({
      kernelName,
      backendName: 'wasm',
      kernelFunc: ({ inputs, attrs }) => kernel(heap, inputs as Inputs, (attrs ?? {}) as Attributes),
    });
  }
}
