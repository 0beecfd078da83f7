import * as tf from '@tensorflow/tfjs-core';

function rotate(x: tf.Tensor3D, cos: tf.Tensor, sin: tf.Tensor): tf.Tensor3D {
  const [first, second] = tf.split(x, 2, 2) as [tf.Tensor3D, tf.Tensor3D];
  return tf.concat(
    [tf.sub(tf.mul(first, cos), tf.mul(second, sin)), tf.add(tf.mul(second, cos), tf.mul(first, sin))],
    2,
  ) as tf.Tensor3D;
}

/**
 * Rotary position embedding in Hugging Face's `rotate_half` convention: x [N, H, d], cos and sin [N, 1, d/2]
 * → [N, H, d]. The gradient turns back by the same angle. Caller disposes.
 */
export function rotatePositions(x: tf.Tensor3D, cos: tf.Tensor3D, sin: tf.Tensor3D): tf.Tensor3D {
  return tf.customGrad((...args: unknown[]) => {
    const [x, cos, sin, save] = args as [
      tf.Tensor3D,
      tf.Tensor3D,
      tf.Tensor3D,
      (tensors: tf.Tensor[]) => void,
    ];
    save([cos, sin]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [cos, sin] = saved as [tf.Tensor3D, tf.Tensor3D];
      return [rotate(dy as tf.Tensor3D, cos, tf.neg(sin)), tf.zerosLike(cos), tf.zerosLike(sin)];
    };
    return { value: rotate(x, cos, sin), gradFunc };
  })(x, cos, sin) as tf.Tensor3D;
}
