import * as tf from '@tensorflow/tfjs-core';
import { floatsOf, intsOf, type WasmBackend } from './wasm-heap.js';

interface KernelArguments {
  readonly inputs: tf.NamedTensorInfoMap;
  readonly backend: unknown;
  readonly attrs?: tf.NamedAttrMap;
}

/** Σ of the rows of `x` that carry each segment id: the gradient of `gather`, which tfjs's wasm backend lacks. */
function unsortedSegmentSum({ inputs, backend, attrs }: KernelArguments): tf.TensorInfo {
  const { x, segmentIds } = inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
  const numSegments = attrs?.numSegments as number;
  const wasm = backend as WasmBackend;
  const rows = segmentIds.shape.reduce((product, n) => product * n, 1);
  const rowShape = x.shape.slice(segmentIds.shape.length);
  const size = rowShape.reduce((product, n) => product * n, 1);
  const output = wasm.makeOutput([numSegments, ...rowShape], 'float32');
  const ids = intsOf(wasm, segmentIds);
  const from = floatsOf(wasm, x);
  const to = floatsOf(wasm, output).fill(0);
  for (let row = 0; row < rows; row++) {
    const id = ids[row]!;
    if (id < 0 || id >= numSegments) continue; // as TensorFlow: a negative id drops the row
    const target = id * size;
    const source = row * size;
    for (let i = 0; i < size; i++) to[target + i]! += from[source + i]!;
  }
  return output;
}

/** Registers with tfjs what its wasm backend lacks for training. Call once. */
export function registerWasmKernels(): void {
  tf.registerKernel({
    kernelName: 'UnsortedSegmentSum',
    backendName: 'wasm',
    kernelFunc: unsortedSegmentSum as unknown as tf.KernelFunc,
  });
}
