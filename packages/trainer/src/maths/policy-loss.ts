import * as tf from '@tensorflow/tfjs-core';

// Every loss here is one `customGrad` with its slope derived by hand (tests compare it with the definition and
// with finite differences): a handful of vector operations instead of a tape of twenty, and no dependence on
// which tfjs gradients are registered.

/** Bounds an exponent, so that a token that became impossible cannot turn a loss into infinity. */
const MAX_LOG_RATIO = 20;

export interface PolicyLossInputs {
  /** [N] nats, under the policy that sampled the tokens. */
  readonly oldLogProbs: tf.Tensor1D;
  /** [N], inside the clip. */
  readonly advantages: tf.Tensor1D;
  /** [N], outside the clip. */
  readonly directAdvantages?: tf.Tensor1D | undefined;
  /** [N], Σ = 1 over the batch: see `meanWeights`. */
  readonly weights: tf.Tensor1D;
  /** The ratio is clipped to [1 − clipLow, 1 + clipHigh]. */
  readonly clipLow: number;
  readonly clipHigh: number;
}

/**
 * Clipped policy loss, a scalar, Σ_t weight_t·loss_t; differentiable in `logProbs` [N] (nats). Caller disposes.
 *
 *     ρ = exp(log π − log π_old)
 *     loss = −min(ρ·A, clip(ρ, 1 − clipLow, 1 + clipHigh)·A)  −  log π · A_direct
 *
 * First term: Schulman et al. 2017, eq. 7, with an asymmetric range. Second term: our choice, not the paper's.
 * Token-level rewards lose much of their gradient to the clip once a rewarded token has moved; an advantage
 * put there keeps its gradient A·∇log π at every ratio. It is not multiplied by ρ, so it cannot blow up.
 */
export function computePolicyLoss(logProbs: tf.Tensor1D, inputs: PolicyLossInputs): tf.Scalar {
  const { oldLogProbs, advantages, directAdvantages, weights, clipLow, clipHigh } = inputs;
  const loss = tf.customGrad((x, save) => {
    const current = x as tf.Tensor1D;
    const ratio = tf.exp(boundExponent(tf.sub(current, oldLogProbs)));
    const free = tf.mul(ratio, advantages);
    const held = tf.mul(tf.clipByValue(ratio, 1 - clipLow, 1 + clipHigh), advantages);
    const open = tf.cast(tf.greaterEqual(held, free), 'float32');
    let losses: tf.Tensor = tf.neg(tf.minimum(free, held));
    let slopes: tf.Tensor = tf.neg(tf.mul(free, open));
    if (directAdvantages !== undefined) {
      losses = tf.sub(losses, tf.mul(current, directAdvantages));
      slopes = tf.sub(slopes, directAdvantages);
    }
    (save as tf.GradSaveFunc)([tf.mul(slopes, weights)]);
    return {
      value: tf.sum(tf.mul(losses, weights)),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(dy, saved[0]!),
    };
  });
  return loss(logProbs) as tf.Scalar;
}

/**
 * Weighted divergence from a reference, a scalar, Σ_t weight_t·(e^{−d} − 1 + d) with d = log π − log π_ref (k3);
 * differentiable in `logProbs` [N] (nats). Caller disposes.
 *
 * On tokens sampled from the policy; its slope there is 1 − e^{−d}: it pulls the sampled token's probability
 * back to the reference's from either side.
 */
export function computeDivergence(
  logProbs: tf.Tensor1D,
  referenceLogProbs: tf.Tensor1D,
  weights: tf.Tensor1D,
): tf.Scalar {
  const loss = tf.customGrad((x, save) => {
    const d = tf.sub(x as tf.Tensor1D, referenceLogProbs);
    const shrink = tf.exp(boundExponent(tf.neg(d)));
    (save as tf.GradSaveFunc)([tf.mul(tf.sub(1, shrink), weights)]);
    return {
      value: tf.sum(tf.mul(tf.add(tf.sub(shrink, 1), d), weights)),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(dy, saved[0]!),
    };
  });
  return loss(logProbs) as tf.Scalar;
}

/**
 * Weighted cross-entropy, a scalar, −Σ_t weight_t·log π_t; differentiable in `logProbs` [N] (nats). Caller disposes.
 */
export function computeCrossEntropy(logProbs: tf.Tensor1D, weights: tf.Tensor1D): tf.Scalar {
  const loss = tf.customGrad((x, save) => {
    (save as tf.GradSaveFunc)([weights]);
    return {
      value: tf.neg(tf.sum(tf.mul(x as tf.Tensor1D, weights))),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(tf.neg(dy), saved[0]!),
    };
  });
  return loss(logProbs) as tf.Scalar;
}

/**
 * Weighted entropy, a scalar in nats, Σ_t weight_t·H(softmax(logits_t)); differentiable in `logits` [N, V].
 * Caller disposes. Slope: −p·(log p + H).
 */
export function computeEntropy(logits: tf.Tensor2D, weights: tf.Tensor1D): tf.Scalar {
  const entropy = tf.customGrad((x, save) => {
    const z = x as tf.Tensor2D;
    const shifted = tf.sub(z, tf.max(z, 1, true));
    const logProbs = tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), 1, true)));
    const probs = tf.exp(logProbs);
    const entropies = tf.neg(tf.sum(tf.mul(probs, logProbs), 1, true));
    const column = tf.reshape(weights, [-1, 1]);
    (save as tf.GradSaveFunc)([tf.neg(tf.mul(tf.mul(probs, tf.add(logProbs, entropies)), column))]);
    return {
      value: tf.sum(tf.mul(entropies, column)),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(dy, saved[0]!),
    };
  });
  return entropy(logits) as tf.Scalar;
}

function boundExponent(x: tf.Tensor): tf.Tensor {
  return tf.clipByValue(x, -MAX_LOG_RATIO, MAX_LOG_RATIO);
}
