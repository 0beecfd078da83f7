import * as tf from '@tensorflow/tfjs-core';
import { callKernel, hasKernel, isComputingGradients, type Save } from './kernel-call.js';

/**
 * 2^22 logits (16 MiB) at a time, small beside the model; 2^25 where kernels work on them in place, so that a chunk is the
 * only copy: the weight is packed anew for each.
 */
const maxChunkLogits = () => (hasKernel('SrcodePickLogProbs') ? 1 << 25 : 1 << 22);

/** [start, count] of the row chunks, of about one size, of [rows, vocabSize] logits. */
function listChunks(rows: number, vocabSize: number): [start: number, count: number][] {
  const most = Math.max(1, Math.floor(maxChunkLogits() / vocabSize));
  const size = Math.ceil(rows / Math.ceil(rows / most));
  const chunks: [number, number][] = [];
  for (let start = 0; start < rows; start += size) chunks.push([start, Math.min(size, rows - start)]);
  return chunks;
}

/** Log-probabilities [n] of `targets` [n] given `logits` [n, V], whose values may be lost. */
function pickLogProbs(logits: tf.Tensor2D, targets: tf.Tensor1D): tf.Tensor1D {
  if (hasKernel('SrcodePickLogProbs'))
    return callKernel('SrcodePickLogProbs', { logits, targets }, { gradient: 0 })[0] as tf.Tensor1D;
  const [count, vocabSize] = logits.shape;
  const flatIndex = tf.add(tf.mul(tf.range(0, count, 1, 'int32'), vocabSize), targets);
  const picked = tf.gather(tf.reshape(logits, [count * vocabSize]), tf.cast(flatIndex, 'int32'));
  const max = tf.max(logits, 1, true);
  const logSum = tf.log(tf.sum(tf.exp(tf.sub(logits, max)), 1));
  return tf.sub(tf.sub(picked, tf.squeeze(max, [1])), logSum) as tf.Tensor1D;
}

/** ∂ log-probability / ∂ logits, one-hot − softmax [n, V]. */
function logitGradient(logits: tf.Tensor2D, targets: tf.Tensor1D): tf.Tensor2D {
  if (hasKernel('SrcodePickLogProbs')) {
    callKernel('SrcodePickLogProbs', { logits, targets }, { gradient: 1 });
    return logits;
  }
  const oneHot = tf.cast(tf.oneHot(targets, logits.shape[1]), 'float32');
  return tf.sub(oneHot, tf.softmax(logits)) as tf.Tensor2D;
}

/**
 * The log-probabilities [N] and their gradient by `hidden` [N, D] in one pass over the logits: for a frozen weight that
 * is all the backward pass needs, as each log-probability depends on its own row alone.
 */
function forwardWithGradient(hidden: tf.Tensor2D, weight: tf.Tensor2D, targets: tf.Tensor1D): tf.Tensor[] {
  const [rows, size] = hidden.shape;
  const parts = listChunks(rows, weight.shape[0]).map(([start, count]) =>
    tf.tidy(() => {
      const h = tf.slice(hidden, [start, 0], [count, size]);
      const logits = tf.matMul(h, weight, false, true) as tf.Tensor2D;
      const inputs = { logits, targets: tf.slice(targets, start, count) };
      const [logProbs] = callKernel('SrcodePickLogProbs', inputs, { gradient: 1 });
      return [logProbs!, tf.matMul(logits, weight)] as const;
    }),
  );
  return [tf.concat(parts.map(([logProbs]) => logProbs)), tf.concat(parts.map(([, gradient]) => gradient!))];
}

/**
 * The log-probabilities, and what the backward pass wants kept besides the inputs: of a single chunk, where it is written
 * over the logits, their gradient.
 */
function forward(hidden: tf.Tensor2D, weight: tf.Tensor2D, targets: tf.Tensor1D): tf.Tensor[] {
  if (hasKernel('SrcodeLogProbs')) return callKernel('SrcodeLogProbs', { hidden, weight, targets });
  if (keepsLogits(hidden.shape[0], weight.shape[0])) {
    const logits = tf.matMul(hidden, weight, false, true) as tf.Tensor2D;
    return [...callKernel('SrcodePickLogProbs', { logits, targets }, { gradient: 1 }), logits];
  }
  const [rows, size] = hidden.shape;
  const parts = listChunks(rows, weight.shape[0]).map(([start, count]) =>
    tf.tidy(() => {
      const h = tf.slice(hidden, [start, 0], [count, size]);
      const logits = tf.matMul(h, weight, false, true) as tf.Tensor2D;
      return pickLogProbs(logits, tf.slice(targets, start, count));
    }),
  );
  return [tf.concat(parts)];
}

/** True when a training step's logits are one chunk, which kernels turn into its gradient in place. */
function keepsLogits(rows: number, vocabSize: number): boolean {
  const isOne = rows * vocabSize <= maxChunkLogits();
  return isOne && isComputingGradients() && hasKernel('SrcodePickLogProbs') && hasKernel('SrcodeAddOuter');
}

/** [dHidden, dWeight] of one chunk, given the gradient by its logits. */
function backwardOfLogits(
  dy: tf.Tensor1D,
  hidden: tf.Tensor2D,
  weight: tf.Tensor2D,
  dLogits: tf.Tensor,
): tf.Tensor[] {
  // dy belongs to whole rows: on the narrow side it costs less than on the logits
  const scale = tf.reshape(dy, [hidden.shape[0], 1]);
  const dHidden = tf.mul(tf.matMul(dLogits, weight), scale);
  const dWeight = tf.matMul(dLogits, tf.mul(hidden, scale), true, false);
  // the tape would keep them to its end
  dLogits.dispose();
  return [dHidden, dWeight];
}

/** [dHidden] or, with `withWeight`, [dHidden, dWeight]; the logits are computed again unless they were kept. */
function backward(dy: tf.Tensor1D, saved: readonly tf.Tensor[], withWeight: boolean): tf.Tensor[] {
  const [hidden, weight, targets, kept] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D, tf.Tensor?];
  if (kept && hasKernel('SrcodeLogProbsGrad'))
    return callKernel('SrcodeLogProbsGrad', { hidden, weight, targets, logSums: kept, dy }, { withWeight });
  if (kept) return backwardOfLogits(dy, hidden, weight, kept);
  const [rows, size] = hidden.shape;
  const vocabSize = weight.shape[0];
  const dHidden: tf.Tensor2D[] = [];
  let dWeight: tf.Tensor2D | undefined;
  const inPlace = withWeight && hasKernel('SrcodeAddOuter');
  if (inPlace) dWeight = tf.fill(weight.shape, 0);
  for (const [start, count] of listChunks(rows, vocabSize)) {
    const [part, partWeight] = tf.tidy(() => {
      const h = tf.slice(hidden, [start, 0], [count, size]);
      const logits = tf.matMul(h, weight, false, true) as tf.Tensor2D;
      const dLogits = logitGradient(logits, tf.slice(targets, start, count));
      const scale = tf.reshape(tf.slice(dy, start, count), [count, 1]);
      // dy belongs to whole rows: on the narrow side it costs less than on the logits
      const scaled = withWeight ? tf.mul(h, scale) : undefined;
      if (inPlace) callKernel('SrcodeAddOuter', { target: dWeight!, a: dLogits, b: scaled! });
      const dW = scaled && !inPlace ? tf.matMul(dLogits, scaled, true, false) : undefined;
      return [tf.mul(tf.matMul(dLogits, weight), scale), dW] as [tf.Tensor2D, tf.Tensor2D | undefined];
    });
    dHidden.push(part);
    if (!partWeight) continue;
    const previous: tf.Tensor2D | undefined = dWeight;
    dWeight = previous ? tf.add(previous, partWeight) : partWeight;
    if (previous) tf.dispose([previous, partWeight]);
  }
  return [tf.concat(dHidden), ...(dWeight ? [dWeight] : [])];
}

/**
 * log softmax(hidden · weightᵀ)[target]: hidden [N, D], weight [V, D], targets [N] int32 → [N] float32, nats.
 *
 * Row chunks keep the logits to 16 (native: 128) MiB whatever N · V is; the gradient computes them again unless native
 * kernels have kept it for a single chunk. With `weightTrainable` false the weight takes no part in the gradient at all, and native kernels form the gradient in the
 * forward pass. Caller disposes.
 */
export function tokenLogProbs(
  hidden: tf.Tensor2D,
  weight: tf.Tensor2D,
  targets: tf.Tensor1D,
  weightTrainable: boolean,
): tf.Tensor1D {
  if (hidden.shape[0] === 0) return tf.zeros([0]);
  const inputs = weightTrainable ? [hidden, weight] : [hidden];
  return tf.customGrad((...args: unknown[]) => {
    const [hidden, save] = [args[0] as tf.Tensor2D, args.at(-1) as Save];
    if (!weightTrainable && hasKernel('SrcodePickLogProbs') && isComputingGradients()) {
      const [value, gradient] = forwardWithGradient(hidden, weight, targets);
      save([gradient!]);
      const gradFunc = (dy: tf.Tensor, [gradient]: tf.Tensor[]) =>
        tf.mul(gradient!, tf.reshape(dy, [hidden.shape[0], 1]));
      return { value: value!, gradFunc };
    }
    const [value, ...kept] = forward(hidden, weight, targets);
    save([hidden, weight, targets, ...kept]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) =>
      backward(dy as tf.Tensor1D, saved, weightTrainable);
    return { value: value!, gradFunc };
  })(...inputs) as tf.Tensor1D;
}
