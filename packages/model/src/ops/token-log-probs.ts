import * as tf from '@tensorflow/tfjs-core';
import { callKernel, hasKernel, type Save } from './kernel-call.js';

/** 2^22 logits (16 MiB) at a time: large enough for full-speed products, small beside the model. */
const maxChunkLogits = 1 << 22;

function chunkRows(rows: number, vocabSize: number): number {
  return Math.max(1, Math.min(rows, Math.floor(maxChunkLogits / vocabSize)));
}

/** Log-probabilities [n] of `targets` [n] given `logits` [n, V]. */
function pickLogProbs(logits: tf.Tensor2D, targets: tf.Tensor1D): tf.Tensor1D {
  const vocabSize = logits.shape[1];
  const count = logits.shape[0];
  const flatIndex = tf.add(tf.mul(tf.range(0, count, 1, 'int32'), vocabSize), targets);
  const picked = tf.gather(tf.reshape(logits, [count * vocabSize]), tf.cast(flatIndex, 'int32'));
  const max = tf.max(logits, 1, true);
  const logSum = tf.log(tf.sum(tf.exp(tf.sub(logits, max)), 1));
  return tf.sub(tf.sub(picked, tf.squeeze(max, [1])), logSum) as tf.Tensor1D;
}

/**
 * log softmax(hidden · weightᵀ)[target]: hidden [N, D], weight [V, D], targets [N] int32 → [N] float32, nats.
 *
 * Row chunks keep the logits to 16 MiB whatever N · V is; the gradient computes them again. With
 * `weightTrainable` false no gradient is formed for the weight (zeros are returned for it). Caller disposes.
 */
export function tokenLogProbs(
  hidden: tf.Tensor2D,
  weight: tf.Tensor2D,
  targets: tf.Tensor1D,
  weightTrainable: boolean,
): tf.Tensor1D {
  const [rows, size] = hidden.shape;
  const vocabSize = weight.shape[0];
  if (rows === 0) return tf.zeros([0]);
  if (hasKernel('SrcodeLogProbs')) return fused(hidden, weight, targets, weightTrainable);
  const chunk = chunkRows(rows, vocabSize);
  return tf.customGrad((...args: unknown[]) => {
    const [hidden, weight, save] = args as [tf.Tensor2D, tf.Tensor2D, Save];
    const parts: tf.Tensor1D[] = [];
    for (let start = 0; start < rows; start += chunk) {
      const count = Math.min(chunk, rows - start);
      parts.push(
        tf.tidy(() => {
          const h = tf.slice(hidden, [start, 0], [count, size]);
          const logits = tf.matMul(h, weight, false, true) as tf.Tensor2D;
          return pickLogProbs(logits, tf.slice(targets, start, count));
        }),
      );
    }
    save([hidden, weight, targets]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [hidden, weight, targets] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D];
      return backward(dy as tf.Tensor1D, hidden, weight, targets, chunk, weightTrainable);
    };
    return { value: parts.length === 1 ? parts[0]! : tf.concat(parts), gradFunc };
  })(hidden, weight) as tf.Tensor1D;
}

function fused(
  hidden: tf.Tensor2D,
  weight: tf.Tensor2D,
  targets: tf.Tensor1D,
  weightTrainable: boolean,
): tf.Tensor1D {
  return tf.customGrad((...args: unknown[]) => {
    const [hidden, weight, save] = args as [tf.Tensor2D, tf.Tensor2D, Save];
    const [value, logSums] = callKernel('SrcodeLogProbs', { hidden, weight, targets });
    save([hidden, weight, targets, logSums!]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [hidden, weight, targets, logSums] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      const inputs = { hidden, weight, targets, logSums, dy };
      const [dHidden, dWeight] = callKernel('SrcodeLogProbsGrad', inputs, { withWeight: weightTrainable });
      return [dHidden!, dWeight ?? tf.zerosLike(weight)];
    };
    return { value: value!, gradFunc };
  })(hidden, weight) as tf.Tensor1D;
}

function backward(
  dy: tf.Tensor1D,
  hidden: tf.Tensor2D,
  weight: tf.Tensor2D,
  targets: tf.Tensor1D,
  chunk: number,
  weightTrainable: boolean,
): tf.Tensor[] {
  const [rows, size] = hidden.shape;
  const vocabSize = weight.shape[0];
  const dHidden: tf.Tensor2D[] = [];
  let dWeight: tf.Tensor2D | undefined;
  for (let start = 0; start < rows; start += chunk) {
    const count = Math.min(chunk, rows - start);
    const [part, partWeight] = tf.tidy(() => {
      const h = tf.slice(hidden, [start, 0], [count, size]);
      const probabilities = tf.softmax(tf.matMul(h, weight, false, true));
      const oneHot = tf.oneHot(tf.slice(targets, start, count), vocabSize) as tf.Tensor2D;
      const dLogits = tf.mul(
        tf.sub(tf.cast(oneHot, 'float32'), probabilities),
        tf.reshape(tf.slice(dy, start, count), [count, 1]),
      ) as tf.Tensor2D;
      const dW = weightTrainable ? tf.matMul(dLogits, h, true, false) : undefined;
      return [tf.matMul(dLogits, weight), dW] as [tf.Tensor2D, tf.Tensor2D | undefined];
    });
    dHidden.push(part);
    if (partWeight) {
      const previous: tf.Tensor2D | undefined = dWeight;
      dWeight = previous ? tf.add(previous, partWeight) : partWeight;
      if (previous) tf.dispose([previous, partWeight]);
    }
  }
  return [dHidden.length === 1 ? dHidden[0]! : tf.concat(dHidden), dWeight ?? tf.zerosLike(weight)];
}
