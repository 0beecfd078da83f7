import * as tf from '@tensorflow/tfjs-core';
import { callKernel, hasKernel } from './kernel-call.js';

/** Rows of `table` [V, D] by `ids` (int32, N of them) → [N, D]. The gradient adds up repeated ids. Caller disposes. */
export function embedTokens(table: tf.Tensor2D, ids: Int32Array): tf.Tensor2D {
  const vocabSize = table.shape[0];
  return tf.customGrad((...args: unknown[]) => {
    const [rows, save] = args as [tf.Tensor2D, (tensors: tf.Tensor[]) => void];
    const index = tf.tensor1d(ids, 'int32');
    const value = tf.gather(rows, index);
    save([index]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) =>
      tf.unsortedSegmentSum(dy, saved[0] as tf.Tensor1D, vocabSize);
    return { value, gradFunc };
  })(table) as tf.Tensor2D;
}

/**
 * As `embedTokens`, and the table once more for the output layer of a tied model, so that its gradient comes in one piece:
 * the rows' is added to the output layer's in place, where two of the table's size and their sum would be. Undefined where
 * the backend does not have it. Caller disposes both.
 */
export function embedTokensTied(
  table: tf.Tensor2D,
  ids: Int32Array,
): { readonly rows: tf.Tensor2D; readonly table: tf.Tensor2D } | undefined {
  if (!hasKernel('SrcodeTiedEmbedding')) return undefined;
  const index = tf.tensor1d(ids, 'int32');
  const [rows, alias] = callKernel('SrcodeTiedEmbedding', { table, ids: index });
  index.dispose();
  return { rows: rows as tf.Tensor2D, table: alias as tf.Tensor2D };
}
