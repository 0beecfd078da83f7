import * as tf from '@tensorflow/tfjs-core';

/**
 * The hidden states [N, D] at the flat positions `rows` of `hidden` [B, T, D]; differentiable. Caller disposes.
 *
 * `rows` must hold each position at most once, so that the gradient is a scatter and needs no sum (the segment
 * sum behind the gradient of `gather` is missing on wasm).
 */
export function selectRows(hidden: tf.Tensor3D, rows: Int32Array): tf.Tensor2D {
  const [batchSize, length, width] = hidden.shape;
  const all = rows.length === batchSize * length && rows.every((row, i) => row === i);
  const select = tf.customGrad((x, _save) => {
    const flat = tf.reshape(x as tf.Tensor, [batchSize * length, width]);
    return {
      value: all ? flat : tf.gather(flat, tf.tensor1d(rows, 'int32')),
      gradFunc: (dy: tf.Tensor) => {
        const scattered = all
          ? dy
          : tf.scatterND(tf.tensor2d(rows, [rows.length, 1], 'int32'), dy, [batchSize * length, width]);
        return tf.reshape(scattered, [batchSize, length, width]);
      },
    };
  });
  return select(hidden) as tf.Tensor2D;
}
