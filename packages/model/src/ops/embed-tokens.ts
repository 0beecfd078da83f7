import * as tf from '@tensorflow/tfjs-core';

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
