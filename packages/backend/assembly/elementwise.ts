// Row and elementwise kernels of a transformer block, each one pass over memory.
import { exp1, exp4, maxOf, naturalLog, sum4, sumExp } from './exp';

/** y = x / √(mean(x²) + ε) · w by rows; also writes the inverse norms. x, y [n, d]; w [d]; inverse [n]. */
export function rmsNorm(n: i32, d: i32, x: usize, w: usize, epsilon: f32, y: usize, inverse: usize): void {
  for (let row = 0; row < n; row++) {
    let squares = f32x4.splat(0);
    let i = 0;
    for (; i + 4 <= d; i += 4) {
      const v = v128.load(x + (<usize>i << 2));
      squares = f32x4.add(squares, f32x4.mul(v, v));
    }
    let total = sum4(squares);
    for (; i < d; i++) {
      const v = f32.load(x + (<usize>i << 2));
      total += v * v;
    }
    const r: f32 = <f32>1 / sqrt<f32>(total / <f32>d + epsilon);
    f32.store(inverse + (<usize>row << 2), r);
    const rr = f32x4.splat(r);
    for (i = 0; i + 4 <= d; i += 4) {
      const at = <usize>i << 2;
      v128.store(y + at, f32x4.mul(f32x4.mul(v128.load(x + at), rr), v128.load(w + at)));
    }
    for (; i < d; i++) {
      const at = <usize>i << 2;
      f32.store(y + at, f32.load(x + at) * r * f32.load(w + at));
    }
    x += <usize>d << 2;
    y += <usize>d << 2;
  }
}

/**
 * Gradients of `rmsNorm`: with n = x·r, dn = dy·w: dx = r·(dn − n·mean(dn·n)), dw = Σ rows dy·n.
 * dw [d] is overwritten.
 */
export function rmsNormGrad(
  n: i32,
  d: i32,
  x: usize,
  w: usize,
  inverse: usize,
  dy: usize,
  dx: usize,
  dw: usize,
): void {
  memory.fill(dw, 0, <usize>d << 2);
  for (let row = 0; row < n; row++) {
    const r = f32.load(inverse + (<usize>row << 2));
    const rr = f32x4.splat(r);
    let sum = f32x4.splat(0);
    let i = 0;
    for (; i + 4 <= d; i += 4) {
      const at = <usize>i << 2;
      const g = v128.load(dy + at);
      const normed = f32x4.mul(v128.load(x + at), rr);
      const gn = f32x4.mul(g, normed);
      v128.store(dw + at, f32x4.add(v128.load(dw + at), gn));
      sum = f32x4.add(sum, f32x4.mul(gn, v128.load(w + at)));
    }
    let total = sum4(sum);
    for (; i < d; i++) {
      const at = <usize>i << 2;
      const gn = f32.load(dy + at) * f32.load(x + at) * r;
      f32.store(dw + at, f32.load(dw + at) + gn);
      total += gn * f32.load(w + at);
    }
    const mean = total / <f32>d;
    const scale = f32x4.splat(mean * r);
    for (i = 0; i + 4 <= d; i += 4) {
      const at = <usize>i << 2;
      const dn = f32x4.mul(v128.load(dy + at), v128.load(w + at));
      v128.store(dx + at, f32x4.mul(rr, f32x4.sub(dn, f32x4.mul(v128.load(x + at), scale))));
    }
    for (; i < d; i++) {
      const at = <usize>i << 2;
      f32.store(dx + at, r * (f32.load(dy + at) * f32.load(w + at) - f32.load(x + at) * mean * r));
    }
    x += <usize>d << 2;
    dy += <usize>d << 2;
    dx += <usize>d << 2;
  }
}

// @ts-ignore: decorator
@inline
function sigmoid4(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.div(one, f32x4.add(one, exp4(f32x4.neg(x))));
}

/** y = silu(gate) · up over n floats. */
export function swiGlu(n: i32, gate: usize, up: usize, y: usize): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const at = <usize>i << 2;
    const g = v128.load(gate + at);
    v128.store(y + at, f32x4.mul(f32x4.mul(g, sigmoid4(g)), v128.load(up + at)));
  }
  for (; i < n; i++) {
    const at = <usize>i << 2;
    const g = f32.load(gate + at);
    f32.store(y + at, (g / (<f32>1 + exp1(-g))) * f32.load(up + at));
  }
}

/** Gradients of `swiGlu`: dGate = dy·up·σ·(1 + g·(1 − σ)), dUp = dy·g·σ. */
export function swiGluGrad(n: i32, gate: usize, up: usize, dy: usize, dGate: usize, dUp: usize): void {
  const one = f32x4.splat(1);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const at = <usize>i << 2;
    const g = v128.load(gate + at);
    const s = sigmoid4(g);
    const e = v128.load(dy + at);
    const slope = f32x4.mul(s, f32x4.add(one, f32x4.mul(g, f32x4.sub(one, s))));
    v128.store(dUp + at, f32x4.mul(e, f32x4.mul(g, s)));
    v128.store(dGate + at, f32x4.mul(f32x4.mul(e, v128.load(up + at)), slope));
  }
  for (; i < n; i++) {
    const at = <usize>i << 2;
    const g = f32.load(gate + at);
    const s: f32 = <f32>1 / (<f32>1 + exp1(-g));
    const e = f32.load(dy + at);
    f32.store(dUp + at, e * g * s);
    f32.store(dGate + at, e * f32.load(up + at) * s * (<f32>1 + g * (<f32>1 - s)));
  }
}

/** logProbs[i] = logits[i][targets[i]] − logSums[i], logSums[i] = log Σ e^logits[i]. logits [n, v]. */
export function logProbs(n: i32, v: i32, logits: usize, targets: usize, out: usize, logSums: usize): void {
  for (let row = 0; row < n; row++) {
    const top = maxOf(logits, v);
    const logSum = top + naturalLog(sumExp(logits, v, top));
    const target = i32.load(targets + (<usize>row << 2));
    f32.store(logSums + (<usize>row << 2), logSum);
    f32.store(out + (<usize>row << 2), f32.load(logits + (<usize>target << 2)) - logSum);
    logits += <usize>v << 2;
  }
}

/** Turns logits [n, v] into the gradient of Σ dy·logProb in place: dy[i]·(onehot(targets[i]) − softmax). */
export function logProbsGrad(n: i32, v: i32, logits: usize, targets: usize, logSums: usize, dy: usize): void {
  for (let row = 0; row < n; row++) {
    const g = f32.load(dy + (<usize>row << 2));
    const shift = f32.load(logSums + (<usize>row << 2));
    if (g == 0) memory.fill(logits, 0, <usize>v << 2);
    else {
      const shift4 = f32x4.splat(shift);
      const minus = f32x4.splat(-g);
      let i = 0;
      for (; i + 4 <= v; i += 4) {
        const at = logits + (<usize>i << 2);
        v128.store(at, f32x4.mul(minus, exp4(f32x4.sub(v128.load(at), shift4))));
      }
      for (; i < v; i++) {
        const at = logits + (<usize>i << 2);
        f32.store(at, -g * exp1(f32.load(at) - shift));
      }
      const at = logits + (<usize>i32.load(targets + (<usize>row << 2)) << 2);
      f32.store(at, f32.load(at) + g);
    }
    logits += <usize>v << 2;
  }
}

/** table[ids[i]] += rows[i]: rows [n, d]. */
export function scatterAdd(n: i32, d: i32, rows: usize, ids: usize, segments: i32, table: usize): void {
  for (let row = 0; row < n; row++) {
    const id = i32.load(ids + (<usize>row << 2));
    if (id >= 0 && id < segments) {
      const to = table + (<usize>(id * d) << 2);
      let i = 0;
      for (; i + 4 <= d; i += 4) {
        const at = <usize>i << 2;
        v128.store(to + at, f32x4.add(v128.load(to + at), v128.load(rows + at)));
      }
      for (; i < d; i++) {
        const at = <usize>i << 2;
        f32.store(to + at, f32.load(to + at) + f32.load(rows + at));
      }
    }
    rows += <usize>d << 2;
  }
}
