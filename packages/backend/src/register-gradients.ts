import * as tf from '@tensorflow/tfjs-core';

/*
 * tfjs-core ships its gradients only as modules that Node cannot load (ESM syntax in a CommonJS package), so the
 * ones that our models and trainers need are defined here, each from the derivative of its op.
 */

type Lazy = () => tf.Tensor;
type Attributes = Readonly<Record<string, unknown>>;
type Gradient = (dy: tf.Tensor, saved: tf.Tensor[], attributes: Attributes) => Record<string, Lazy>;

/** Sums `dy` over the axes along which an input of `shape` was broadcast. */
function sumToShape(dy: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const axes = tf.broadcast_util.getReductionAxes([...shape], dy.shape);
  const summed = axes.length > 0 ? tf.sum(dy, axes) : dy;
  return tf.reshape(summed, [...shape]);
}

interface Definition {
  readonly save?: readonly string[];
  readonly saveOutput?: boolean;
  readonly gradient: Gradient;
}

/** f(x) with f'(x) computed from the saved input. */
function unary(slope: (x: tf.Tensor) => tf.Tensor): Definition {
  return { save: ['x'], gradient: (dy, [x]) => ({ x: () => tf.mul(dy, slope(x!)) }) };
}

/** f(x) with f'(x) computed from the saved output. */
function unaryFromOutput(slope: (y: tf.Tensor) => tf.Tensor): Definition {
  return { saveOutput: true, gradient: (dy, [y]) => ({ x: () => tf.mul(dy, slope(y!)) }) };
}

/** f(a, b) with broadcasting; `da` and `db` give the two products before summing to the inputs' shapes. */
function binary(
  da: (dy: tf.Tensor, a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
  db: (dy: tf.Tensor, a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
): Definition {
  return {
    save: ['a', 'b'],
    gradient: (dy, [a, b]) => ({
      a: () => sumToShape(da(dy, a!, b!), a!.shape),
      b: () => sumToShape(db(dy, a!, b!), b!.shape),
    }),
  };
}

const asFloat = (x: tf.Tensor) => tf.cast(x, 'float32');

/** Gradient of a reduction that keeps only the places equal to the result (`max`, `min`); ties share it whole. */
const extremum: Definition = {
  save: ['x'],
  saveOutput: true,
  gradient: (dy, [x, y], attributes) => {
    const axes = tf.util.parseAxisParam(attributes.reductionIndices as number[], x!.shape);
    const kept = tf.backend_util.expandShapeToKeepDim(y!.shape, axes);
    const whole = attributes.keepDims === true ? [y!, dy] : [tf.reshape(y!, kept), tf.reshape(dy, kept)];
    return { x: () => tf.mul(whole[1]!, asFloat(tf.equal(x!, whole[0]!))) };
  },
};

const elementwise: Readonly<Record<string, Definition>> = {
  Add: binary(
    (dy) => dy,
    (dy) => dy,
  ),
  Sub: binary(
    (dy) => dy,
    (dy) => tf.neg(dy),
  ),
  Multiply: binary(
    (dy, _a, b) => tf.mul(dy, b),
    (dy, a) => tf.mul(dy, a),
  ),
  RealDiv: binary(
    (dy, _a, b) => tf.div(dy, b),
    (dy, a, b) => tf.neg(tf.div(tf.mul(dy, a), tf.square(b))),
  ),
  Maximum: binary(
    (dy, a, b) => tf.mul(dy, asFloat(tf.greaterEqual(a, b))),
    (dy, a, b) => tf.mul(dy, asFloat(tf.less(a, b))),
  ),
  Minimum: binary(
    (dy, a, b) => tf.mul(dy, asFloat(tf.lessEqual(a, b))),
    (dy, a, b) => tf.mul(dy, asFloat(tf.greater(a, b))),
  ),
  SquaredDifference: binary(
    (dy, a, b) => tf.mul(dy, tf.mul(2, tf.sub(a, b))),
    (dy, a, b) => tf.mul(dy, tf.mul(2, tf.sub(b, a))),
  ),
  Pow: {
    save: ['a', 'b'],
    gradient: (dy, [a, b]) => ({
      a: () => sumToShape(tf.mul(dy, tf.mul(b!, tf.pow(a!, tf.sub(b!, 1)))), a!.shape),
      b: () => {
        const logA = tf.where(tf.greater(a!, 0), tf.log(tf.maximum(a!, 1e-37)), tf.zerosLike(a!));
        return sumToShape(tf.mul(dy, tf.mul(tf.pow(a!, b!), logA)), b!.shape);
      },
    }),
  },
  Neg: { gradient: (dy) => ({ x: () => tf.neg(dy) }) },
  Exp: unaryFromOutput((y) => y),
  Log: unary((x) => tf.reciprocal(x)),
  Log1p: unary((x) => tf.reciprocal(tf.add(x, 1))),
  Expm1: unary((x) => tf.exp(x)),
  Square: unary((x) => tf.mul(x, 2)),
  Sqrt: unary((x) => tf.div(0.5, tf.sqrt(x))),
  Rsqrt: unary((x) => tf.mul(-0.5, tf.pow(x, -1.5))),
  Reciprocal: unary((x) => tf.neg(tf.reciprocal(tf.square(x)))),
  Abs: unary((x) => tf.sign(x)),
  Sigmoid: unaryFromOutput((y) => tf.mul(y, tf.sub(1, y))),
  Tanh: unaryFromOutput((y) => tf.sub(1, tf.square(y))),
  Softplus: unary((x) => tf.sigmoid(x)),
  Relu: unary((x) => asFloat(tf.greater(x, 0))),
  Sin: unary((x) => tf.cos(x)),
  Cos: unary((x) => tf.neg(tf.sin(x))),
  Sign: { gradient: (dy) => ({ x: () => tf.zerosLike(dy) }) },
  ZerosLike: { gradient: (dy) => ({ x: () => tf.zerosLike(dy) }) },
  OnesLike: { gradient: (dy) => ({ x: () => tf.zerosLike(dy) }) },
  ClipByValue: {
    save: ['x'],
    gradient: (dy, [x], { clipValueMin, clipValueMax }) => ({
      x: () => {
        const inside = tf.logicalAnd(
          tf.greaterEqual(x!, clipValueMin as number),
          tf.lessEqual(x!, clipValueMax as number),
        );
        return tf.where(inside, dy, tf.zerosLike(dy));
      },
    }),
  },
  Cast: { gradient: (dy) => ({ x: () => asFloat(dy) }) },
  Identity: { gradient: (dy) => ({ x: () => asFloat(dy) }) },
  Select: {
    save: ['condition'],
    gradient: (dy, [condition]) => ({
      condition: () => tf.zeros(condition!.shape),
      t: () => tf.mul(dy, asFloat(condition!)),
      e: () => tf.mul(dy, asFloat(tf.logicalNot(condition!))),
    }),
  },
};

const reductions: Readonly<Record<string, Definition>> = {
  Sum: {
    save: ['x'],
    gradient: (dy, [x], { axis }) => ({ x: () => spread(dy, x!.shape, axis, 1) }),
  },
  Mean: {
    save: ['x'],
    gradient: (dy, [x], { axis }) => {
      const axes = tf.util.parseAxisParam((axis ?? null) as number[], x!.shape);
      const count = axes.reduce((product, a) => product * x!.shape[a]!, 1);
      return { x: () => spread(dy, x!.shape, axis, 1 / count) };
    },
  },
  Max: extremum,
  Min: extremum,
  Softmax: {
    saveOutput: true,
    gradient: (dy, [y], { dim }) => ({
      logits: () => {
        const weighted = tf.mul(dy, y!);
        return tf.sub(weighted, tf.mul(tf.sum(weighted, [dim as number], true), y!));
      },
    }),
  },
  LogSoftmax: {
    saveOutput: true,
    gradient: (dy, [y], { axis }) => ({
      logits: () => tf.sub(dy, tf.mul(tf.sum(dy, axis as number, true), tf.exp(y!))),
    }),
  },
};

/** `dy` of a reduction, repeated over the reduced axes and scaled. */
function spread(dy: tf.Tensor, shape: number[], axis: unknown, scale: number): tf.Tensor {
  const axes = tf.util.parseAxisParam((axis ?? null) as number[], shape);
  const kept = shape.map((size, i) => (axes.includes(i) ? 1 : size));
  return tf.mul(tf.reshape(dy, kept), tf.fill(shape, scale));
}

const shaping: Readonly<Record<string, Definition>> = {
  Reshape: { save: ['x'], gradient: (dy, [x]) => ({ x: () => tf.reshape(dy, x!.shape) }) },
  ExpandDims: { save: ['input'], gradient: (dy, [x]) => ({ input: () => tf.reshape(dy, x!.shape) }) },
  Transpose: {
    gradient: (dy, _saved, { perm }) => ({
      x: () => tf.transpose(dy, tf.backend_util.getUndoAxesPermutation(perm as number[])),
    }),
  },
  Slice: {
    save: ['x'],
    gradient: (dy, [x], { begin, size }) => ({
      x: () => {
        const [starts = [], sizes = []] = tf.slice_util.parseSliceParams(
          x!,
          begin as number[],
          size as number[],
        );
        return tf.pad(
          dy,
          starts.map((start, i) => [start, x!.shape[i]! - start - sizes[i]!]) as [number, number][],
        );
      },
    }),
  },
  PadV2: {
    save: ['x'],
    gradient: (dy, [x], { paddings }) => ({
      x: () =>
        tf.slice(
          dy,
          (paddings as [number, number][]).map(([before]) => before),
          x!.shape,
        ),
    }),
  },
  Tile: {
    save: ['x'],
    gradient: (dy, [x], { reps }) => ({
      x: () => {
        const counts = reps as number[];
        const split = x!.shape.flatMap((size, i) => [counts[i]!, size]);
        const axes = counts.map((_, i) => 2 * i);
        return tf.sum(tf.reshape(dy, split), axes);
      },
    }),
  },
  BroadcastTo: { save: ['x'], gradient: (dy, [x]) => ({ x: () => sumToShape(dy, x!.shape) }) },
};

const indexing: Readonly<Record<string, Definition>> = {
  GatherV2: {
    save: ['x', 'indices'],
    gradient: (dy, [x, indices], { axis, batchDims }) => {
      const at = tf.util.parseAxisParam(axis as number, x!.shape)[0]!;
      if (((batchDims as number) ?? 0) !== 0 || at !== 0)
        throw new Error(
          `gather: the gradient is defined along axis 0 only (got axis ${at}); transpose or flatten first.`,
        );
      return {
        x: () => tf.unsortedSegmentSum(dy, asIndex(indices!), x!.shape[0]!),
        indices: () => tf.zerosLike(indices!),
      };
    },
  },
  BatchMatMul: {
    save: ['a', 'b'],
    gradient: (dy, [a, b], { transposeA, transposeB }) => {
      if (a!.rank !== b!.rank || a!.shape.slice(0, -2).some((size, i) => size !== b!.shape[i]))
        throw new Error(
          `matMul: the gradient needs equal batch dimensions, got [${a!.shape}] and [${b!.shape}]; flatten to [N, D] first.`,
        );
      const tA = transposeA as boolean;
      const tB = transposeB as boolean;
      return {
        a: () => (tA ? tf.matMul(b!, dy, tB, true) : tf.matMul(dy, b!, false, !tB)),
        b: () => (tB ? tf.matMul(dy, a!, true, tA) : tf.matMul(a!, dy, !tA, false)),
      };
    },
  },
};

const asIndex = (indices: tf.Tensor) => tf.cast(indices, 'int32') as tf.Tensor1D;

function registerLists(): void {
  const register = (config: tf.GradConfig) => {
    if (!tf.getGradient(config.kernelName)) tf.registerGradient(config);
  };
  register({
    kernelName: 'Concat',
    saveAllInputs: true,
    gradFunc: (dy, saved, attributes) => {
      const shapes = saved.map((x) => x.shape);
      const axis = tf.util.parseAxisParam((attributes as Attributes & { axis: number }).axis, shapes[0]!)[0]!;
      const parts = tf.split(
        dy as tf.Tensor,
        shapes.map((shape) => shape[axis]!),
        axis,
      );
      return Object.fromEntries(parts.map((part, i) => [i, () => part]));
    },
  });
  register({
    kernelName: 'SplitV',
    gradFunc: (dy, _saved, attributes) => ({
      x: () => tf.concat(dy as tf.Tensor[], (attributes as Attributes & { axis: number }).axis),
    }),
  });
  register({
    kernelName: 'Pack',
    saveAllInputs: true,
    gradFunc: (dy, _saved, attributes) => {
      const parts = tf.unstack(dy as tf.Tensor, (attributes as Attributes & { axis: number }).axis);
      return Object.fromEntries(parts.map((part, i) => [i, () => part]));
    },
  });
  register({
    kernelName: 'Unpack',
    gradFunc: (dy, _saved, attributes) => ({
      value: () => tf.stack(dy as tf.Tensor[], (attributes as Attributes & { axis: number }).axis),
    }),
  });
  register({
    kernelName: 'AddN',
    saveAllInputs: true,
    gradFunc: (dy, saved) => Object.fromEntries(saved.map((_, i) => [i, () => tf.clone(dy as tf.Tensor)])),
  });
}

/** Registers the gradients of tfjs-core's ops that have none yet (a full tfjs registers its own). Idempotent. */
export function registerGradients(): void {
  const all = { ...elementwise, ...reductions, ...shaping, ...indexing };
  for (const [kernelName, { save, saveOutput, gradient }] of Object.entries(all)) {
    if (tf.getGradient(kernelName)) continue;
    tf.registerGradient({
      kernelName,
      ...(save ? { inputsToSave: [...save] } : {}),
      ...(saveOutput ? { outputsToSave: [true] } : {}),
      gradFunc: (dy, saved, attributes) => gradient(dy as tf.Tensor, saved, attributes as Attributes),
    });
  }
  registerLists();
}
