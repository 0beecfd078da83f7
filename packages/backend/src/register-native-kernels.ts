import * as tf from '@tensorflow/tfjs-core';

type Inputs = Readonly<Record<string, tf.TensorInfo>>;
type Attributes = Readonly<Record<string, number>>;

/** `runKernel` of the compiled binding: see `native/binding.cc`. */
export type RunNativeKernel = (
  kernel: number,
  inputIds: Int32Array,
  parameters: Float64Array,
  outputShapes: Int32Array,
) => number[];

/** The part of tfjs-node's backend that our kernels use. */
interface NodeBackend {
  readonly binding: { readonly TF_FLOAT: number };
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  createOutputTensor(metadata: { id: number; shape: number[]; dtype: number }): tf.TensorInfo;
}

interface Definition {
  /** Position in the enumeration of `native/binding.cc`. */
  readonly index: number;
  /** Inputs in the order of the C++ function. */
  readonly inputs: readonly string[] | ((inputs: Inputs) => readonly string[]);
  readonly parameters?: readonly string[];
  readonly outputs: (inputs: Inputs, attributes: Attributes) => readonly (readonly number[])[];
}

const attentionShape = ['batchSize', 'length', 'heads', 'kvHeads', 'headDim'];
const attentionInputs = ['q', 'k', 'v', 'starts', 'ends', 'cos', 'sin'];

/** A layer's products. What one does not have, bias or factors, is a tensor without elements. */
const productNames = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'];
const layerInputs = [
  ...['x', 'inputNorm', 'innerNorm', 'starts', 'ends', 'cos', 'sin'],
  ...productNames.flatMap((name) => [`${name}Weight`, `${name}Bias`, `${name}A`, `${name}B`]),
];
const layerParameters = [
  ...attentionShape,
  'epsilon',
  'frozen',
  ...productNames.map((name) => `${name}Scale`),
];

const hasElements = ({ shape }: tf.TensorInfo) => !shape.includes(0);
const withFactors = (inputs: Inputs) => productNames.filter((name) => hasElements(inputs[`${name}A`]!));

/** The fused kernels that the model uses where a backend has them; the same names as in `wasm-kernels/`. */
const fusedKernels: Readonly<Record<string, Definition>> = {
  SrcodeRmsNorm: {
    index: 0,
    inputs: ['x', 'w'],
    parameters: ['epsilon'],
    outputs: ({ x }) => [x!.shape, [x!.shape[0]!]],
  },
  SrcodeRmsNormGrad: {
    index: 1,
    inputs: ['x', 'w', 'inverse', 'dy'],
    outputs: ({ x, w }) => [x!.shape, w!.shape],
  },
  SrcodeSwiGlu: { index: 2, inputs: ['gate', 'up'], outputs: ({ gate }) => [gate!.shape] },
  SrcodeSwiGluGrad: {
    index: 3,
    inputs: ['gate', 'up', 'dy'],
    outputs: ({ gate }) => [gate!.shape, gate!.shape],
  },
  SrcodeAttention: {
    index: 4,
    inputs: attentionInputs,
    parameters: attentionShape,
    outputs: ({ q }, { batchSize, heads, length }) => [q!.shape, [batchSize!, heads!, length!]],
  },
  SrcodeAttentionGrad: {
    index: 5,
    inputs: [...attentionInputs, 'out', 'logSums', 'dy'],
    parameters: attentionShape,
    outputs: ({ q, k, v }) => [q!.shape, k!.shape, v!.shape],
  },
  SrcodeFillCache: {
    index: 6,
    inputs: ['k', 'v', 'starts', 'ends', 'targets', 'cos', 'sin', 'cacheK', 'cacheV'],
    parameters: [...attentionShape, 'capacity'],
    outputs: () => [],
  },
  SrcodeDecodeAttention: {
    index: 7,
    inputs: ['q', 'k', 'v', 'cacheRows', 'positions', 'cos', 'sin', 'cacheK', 'cacheV'],
    parameters: [...attentionShape, 'capacity'],
    outputs: ({ q }) => [q!.shape],
  },
  SrcodeCopyRows: { index: 8, inputs: ['cache', 'from', 'to'], outputs: () => [] },
  /**
   * x, cacheRows, positions, cos and sin, then of each layer inputNorm, q, k, v, o, innerNorm, gate, up, down, qBias, kBias,
   * vBias, cacheK, cacheV and the factors (a, b) of its seven products.
   */
  SrcodeDecodeLayers: {
    index: 10,
    inputs: (inputs) => Object.keys(inputs),
    parameters: ['epsilon', 'scale', 'heads', 'kvHeads', 'headDim', 'capacity'],
    outputs: ({ x }) => [x!.shape],
  },
  SrcodePickLogProbs: {
    index: 11,
    inputs: ['logits', 'targets'],
    parameters: ['gradient'],
    outputs: ({ targets }) => [targets!.shape],
  },
  SrcodeSampleRows: {
    index: 12,
    inputs: ['logits', 'draws'],
    parameters: ['temperature'],
    outputs: ({ draws }) => [draws!.shape, draws!.shape],
  },
  /** The new value; the moments are changed in place. */
  SrcodeAdamW: {
    index: 13,
    inputs: ['value', 'gradient', 'first', 'second'],
    parameters: ['beta1', 'beta2', 'rate', 'epsilon', 'keep', 'scale'],
    outputs: ({ value }) => [value!.shape],
  },
  /** x [m, k] of at most 32 rows times wᵀ, w [n, k] as it is or compressed. */
  SrcodeSkinnyLinear: {
    index: 9,
    inputs: ['x', 'w'],
    outputs: ({ x, w }) => [[x!.shape[0]!, w!.shape[0]!]],
  },
  /**
   * Float32 weights [n, k] in a storage of fewer words a row, bit by bit, and 1; or 0 where it does not hold them
   * exactly: see `Storage` in native/kernels.h.
   */
  SrcodeCompressWeights: {
    index: 17,
    inputs: ['w'],
    parameters: ['storage'],
    outputs: ({ w }, { words }) => [[w!.shape[0]!, words!], [1]],
  },
  /** A copy in memory of the backend's own, which is free as soon as the tensor is. */
  SrcodeCopy: { index: 20, inputs: ['x'], outputs: ({ x }) => [x!.shape] },
  /** Puts x at `offset` into a tensor that nobody else holds yet. */
  SrcodeCopyInto: { index: 22, inputs: ['target', 'x'], parameters: ['offset'], outputs: () => [] },
  SrcodeSumOfSquares: { index: 19, inputs: ['x'], outputs: () => [[1]] },
};

/** Adds rows [N, D] to those of a table [V, D] that `ids` name, in place. */
const addRows: Definition = { index: 24, inputs: ['table', 'rows', 'ids'], outputs: () => [] };

/** Products of large matrices that share a side: that side is packed once. */
const tileKernels: Readonly<Record<string, Definition>> = {
  /** target [m, n] += aᵀ·b in place: a [k, m], b [k, n]. */
  SrcodeAddOuter: { index: 23, inputs: ['target', 'a', 'b'], outputs: () => [] },
  /** A layer for training, x [N, D] → [N, D]: and what its gradient wants kept, z = scale·x·aᵀ of each product at the end. */
  SrcodeLayer: {
    index: 15,
    inputs: layerInputs,
    parameters: layerParameters,
    outputs: (inputs, { batchSize, heads, length }) => {
      const rows = inputs.x!.shape[0]!;
      const wide = (name: string) => [rows, inputs[`${name}Weight`]!.shape[0]!];
      return [
        ...[inputs.x!.shape, inputs.x!.shape, wide('q'), wide('k'), wide('v')],
        ...[[rows, inputs.oWeight!.shape[1]!], [batchSize!, heads!, length!], wide('gate'), wide('up')],
        ...withFactors(inputs).map((name) => [rows, inputs[`${name}A`]!.shape[0]!]),
      ];
    },
  },
  /** Gradients by x and by what is trained: factors in the order of the products, or norms, weights and biases. */
  SrcodeLayerGrad: {
    index: 16,
    inputs: (inputs) => [
      ...layerInputs,
      ...['inner', 'q', 'k', 'v', 'mixed', 'logSums', 'gate', 'up'],
      ...withFactors(inputs).map((name) => `${name}Z`),
      'dy',
    ],
    parameters: layerParameters,
    outputs: (inputs, { frozen }) => {
      const shapes = (names: readonly string[]) =>
        names.flatMap((name) => (hasElements(inputs[name]!) ? [inputs[name]!.shape] : []));
      const trained = frozen
        ? shapes(productNames.flatMap((name) => [`${name}A`, `${name}B`]))
        : shapes([
            'inputNorm',
            'innerNorm',
            ...productNames.flatMap((name) => [`${name}Weight`, `${name}Bias`]),
          ]);
      return [inputs.x!.shape, ...trained];
    },
  },
};

const skinnyMatMul: Definition = {
  index: 9,
  inputs: ['a', 'b'],
  outputs: ({ a, b }) => [[a!.shape[0]!, b!.shape[0]!]],
};

const tileMatMul: Definition = {
  index: 14,
  inputs: ['a', 'b'],
  parameters: ['transposeA', 'transposeB'],
  outputs: ({ a, b }, { transposeA, transposeB }) => [
    [a!.shape[transposeA ? 1 : 0]!, b!.shape[transposeB ? 0 : 1]!],
  ],
};

const add: Definition = { index: 18, inputs: ['a', 'b'], outputs: ({ a }) => [a!.shape] };

/** Smallest tensors whose sum, or filling, is worth a kernel of our own: the result lies in memory that is used again. */
const minOwnSize = 1 << 16;

/** Smallest sides of a product that our own takes: below, packing costs more than it gains. */
const minTileSide = 48;

/** Rows up to which reading every weight once beats TensorFlow's product. */
const maxSkinnyRows = 32;

/** Numbers that a call may pass besides tensors: as in `native/binding.cc`. */
const parameterCount = 14;

function createCaller(run: RunNativeKernel) {
  return (definition: Definition, backend: NodeBackend, inputs: Inputs, attributes: Attributes) => {
    const { inputs: order } = definition;
    const names = typeof order === 'function' ? order(inputs) : order;
    const ids = backend.getInputTensorIds(names.map((name) => inputs[name]!));
    const parameters = new Float64Array(parameterCount);
    definition.parameters?.forEach((name, i) => {
      parameters[i] = attributes[name] ?? 0;
    });
    const shapes = definition.outputs(inputs, attributes);
    const flat = Int32Array.from(shapes.flatMap((shape) => [shape.length, ...shape]));
    const outputs = run(definition.index, Int32Array.from(ids), parameters, flat);
    const dtype = backend.binding.TF_FLOAT;
    return outputs.map((id, i) => backend.createOutputTensor({ id, shape: [...shapes[i]!], dtype }));
  };
}

/**
 * Registers our fused kernels with the native backend, a product for few rows (decoding) that reads every weight once,
 * and with `hasTiles` one for large matrices: on the processor's matrix unit, no less exact than float32's own (see
 * `native/tiles.cc`), or on its vector unit (`native/panels.cc`). CPU only: they work on host memory. Idempotent.
 */
export function registerNativeKernels(run: RunNativeKernel, hasTiles = false): void {
  if (tf.getKernel('SrcodeRmsNorm', 'tensorflow')) return;
  const call = createCaller(run);
  const kernels = { ...fusedKernels, ...(hasTiles ? tileKernels : {}) };
  for (const [kernelName, definition] of Object.entries(kernels)) {
    tf.registerKernel({
      kernelName,
      backendName: 'tensorflow',
      kernelFunc: ({ inputs, backend, attrs }) =>
        call(definition, backend as NodeBackend, inputs as Inputs, (attrs ?? {}) as unknown as Attributes),
    });
  }
  registerTiedEmbedding((backend, inputs) => call(addRows, backend, inputs, {}));
  replaceKernel('BatchMatMul', (original) => (parameters) => {
    const { a, b } = parameters.inputs as Inputs;
    const { transposeA, transposeB } = parameters.attrs as unknown as Record<string, boolean>;
    const isPlain = [a!, b!].every(({ shape, dtype }) => shape.length === 2 && dtype === 'float32');
    if (!isPlain) return original(parameters);
    const [rows, depth] = a!.shape as [number, number];
    const backend = parameters.backend as NodeBackend;
    if (!transposeA && transposeB && rows <= maxSkinnyRows && rows > 0 && depth > 0)
      return call(skinnyMatMul, backend, { a: a!, b: b! }, {})[0]!;
    if (hasTiles && Math.min(...a!.shape, ...b!.shape) >= minTileSide) {
      const attributes = { transposeA: transposeA ? 1 : 0, transposeB: transposeB ? 1 : 0 };
      return call(tileMatMul, backend, { a: a!, b: b! }, attributes)[0]!;
    }
    return original(parameters);
  });
  replaceKernel('Add', (original) => (parameters) => {
    const { a, b } = parameters.inputs as Inputs;
    const isPlain = a!.dtype === 'float32' && b!.dtype === 'float32' && a!.shape.join() === b!.shape.join();
    if (!isPlain || tf.util.sizeFromShape(a!.shape) < minOwnSize) return original(parameters);
    return call(add, parameters.backend as NodeBackend, { a: a!, b: b! }, {})[0]!;
  });
  replaceKernel('Fill', (original) => (parameters) => {
    const { shape, value, dtype } = parameters.attrs as unknown as tf.FillAttrs;
    const isPlain = typeof value === 'number' && (dtype ?? 'float32') === 'float32';
    if (!isPlain || tf.util.sizeFromShape(shape) < minOwnSize) return original(parameters);
    const fill: Definition = { index: 21, inputs: [], parameters: ['value'], outputs: () => [shape] };
    return call(fill, parameters.backend as NodeBackend, {}, { value })[0]!;
  });
}

/**
 * table [V, D], ids [N] → rows [N, D], and the table once more, as the same memory. The gradient of both by the table is
 * that of the second, into which the rows' is added in place.
 */
function registerTiedEmbedding(addRowsTo: (backend: NodeBackend, inputs: Inputs) => void): void {
  const kernelName = 'SrcodeTiedEmbedding';
  const gather = tf.getKernel('GatherV2', 'tensorflow').kernelFunc;
  tf.registerKernel({
    kernelName,
    backendName: 'tensorflow',
    kernelFunc: ({ inputs, backend }) => {
      const { table, ids } = inputs as { table: tf.TensorInfo; ids: tf.TensorInfo };
      const attrs = { axis: 0, batchDims: 0 };
      const rows = gather({ inputs: { x: table, indices: ids }, backend, attrs }) as tf.TensorInfo;
      (backend as tf.KernelBackend).incRef(table.dataId);
      return [rows, { dataId: table.dataId, shape: table.shape, dtype: table.dtype }];
    },
  });
  if (tf.getGradient(kernelName)) return;
  tf.registerGradient({
    kernelName,
    inputsToSave: ['ids'],
    gradFunc: (dy, [ids]) => {
      const [rows, table] = dy as [tf.Tensor, tf.Tensor];
      return {
        table: () => {
          addRowsTo(tf.backend() as unknown as NodeBackend, { table, rows, ids: ids! });
          return table;
        },
      };
    },
  });
}

/** Puts a kernel in the place of the native backend's own, which it may call. */
function replaceKernel(kernelName: string, wrap: (original: tf.KernelFunc) => tf.KernelFunc): void {
  const backendName = 'tensorflow';
  const { kernelFunc } = tf.getKernel(kernelName, backendName);
  tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({ kernelName, backendName, kernelFunc: wrap(kernelFunc) });
}
