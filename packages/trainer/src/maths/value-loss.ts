/**
 * Loss of the value head, Σ_t weight_t·loss_t, and its slope in each value, [N].
 *
 *     loss = ½·max((V − R)², (V_clip − R)²),   V_clip = V_old + clip(V − V_old, −ε, ε)
 *
 * Without `clip`, ½·(V − R)². Where the clipped error is the larger one the slope is 0.
 */
export function computeValueLoss(inputs: {
  readonly values: Float32Array;
  readonly oldValues: Float32Array;
  readonly returns: Float32Array;
  readonly weights: Float32Array;
  readonly clip?: number | undefined;
}): { readonly loss: number; readonly slopes: Float32Array } {
  const { values, oldValues, returns, weights, clip } = inputs;
  const slopes = new Float32Array(values.length);
  let loss = 0;
  for (let t = 0; t < values.length; t++) {
    const error = values[t]! - returns[t]!;
    let square = error * error;
    let slope = error;
    if (clip !== undefined) {
      const moved = Math.min(Math.max(values[t]! - oldValues[t]!, -clip), clip);
      const held = (oldValues[t]! + moved - returns[t]!) ** 2;
      if (held > square) {
        square = held;
        slope = 0;
      }
    }
    loss += (weights[t]! * square) / 2;
    slopes[t] = weights[t]! * slope;
  }
  return { loss, slopes };
}
