// Exponential of four floats: 2^n · e^r with a polynomial of degree 6 on |r| ≤ ln 2 / 2 (Cephes), relative error below
// 2·10⁻⁷. Arguments are clamped to [−87.3, 88.3], so that the result neither overflows nor becomes subnormal.

// AssemblyScript's own logarithm keeps tables in static memory, which here belongs to tfjs; the host's is used instead.
// @ts-ignore: decorator
@external("env", "log")
declare function hostLog(x: f64): f64;

// @ts-ignore: decorator
@inline
export function naturalLog(x: f32): f32 {
  return <f32>hostLog(<f64>x);
}

// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  x = f32x4.min(f32x4.max(x, f32x4.splat(-87.3)), f32x4.splat(88.3));
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504)));
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  let y = f32x4.splat(1.9875691500e-4);
  y = f32x4.add(f32x4.mul(y, r), f32x4.splat(1.3981999507e-3));
  y = f32x4.add(f32x4.mul(y, r), f32x4.splat(8.3334519073e-3));
  y = f32x4.add(f32x4.mul(y, r), f32x4.splat(4.1665795894e-2));
  y = f32x4.add(f32x4.mul(y, r), f32x4.splat(1.6666665459e-1));
  y = f32x4.add(f32x4.mul(y, r), f32x4.splat(5.0000001201e-1));
  y = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(y, r), r), r), f32x4.splat(1));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return f32x4.mul(y, power);
}

// @ts-ignore: decorator
@inline
export function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}

// @ts-ignore: decorator
@inline
export function sum4(x: v128): f32 {
  return (
    f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3))
  );
}

// @ts-ignore: decorator
@inline
export function max4(x: v128): f32 {
  return max(
    max(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)),
    max(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)),
  );
}

/** Largest of `n` floats. */
export function maxOf(x: usize, n: i32): f32 {
  let best = f32x4.splat(-Infinity);
  let i = 0;
  for (; i + 4 <= n; i += 4) best = f32x4.max(best, v128.load(x + (<usize>i << 2)));
  let result = max4(best);
  for (; i < n; i++) result = max(result, f32.load(x + (<usize>i << 2)));
  return result;
}

/** Σ e^(x − shift) over `n` floats. */
export function sumExp(x: usize, n: i32, shift: f32): f32 {
  const by = f32x4.splat(shift);
  let sum = f32x4.splat(0);
  let i = 0;
  for (; i + 4 <= n; i += 4) sum = f32x4.add(sum, exp4(f32x4.sub(v128.load(x + (<usize>i << 2)), by)));
  let result = sum4(sum);
  for (; i < n; i++) result += exp1(f32.load(x + (<usize>i << 2)) - shift);
  return result;
}

/** x = e^(x − shift) in place over `n` floats; returns their sum. */
export function expInPlace(x: usize, n: i32, shift: f32): f32 {
  const by = f32x4.splat(shift);
  let sum = f32x4.splat(0);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const at = x + (<usize>i << 2);
    const e = exp4(f32x4.sub(v128.load(at), by));
    v128.store(at, e);
    sum = f32x4.add(sum, e);
  }
  let result = sum4(sum);
  for (; i < n; i++) {
    const at = x + (<usize>i << 2);
    const e = exp1(f32.load(at) - shift);
    f32.store(at, e);
    result += e;
  }
  return result;
}

/** x *= factor in place over `n` floats. */
export function scaleInPlace(x: usize, n: i32, factor: f32): void {
  const by = f32x4.splat(factor);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const at = x + (<usize>i << 2);
    v128.store(at, f32x4.mul(v128.load(at), by));
  }
  for (; i < n; i++) {
    const at = x + (<usize>i << 2);
    f32.store(at, f32.load(at) * factor);
  }
}

/** Σ x·y over `n` floats. */
export function dot(x: usize, y: usize, n: i32): f32 {
  let sum = f32x4.splat(0);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const at = <usize>i << 2;
    sum = f32x4.add(sum, f32x4.mul(v128.load(x + at), v128.load(y + at)));
  }
  let result = sum4(sum);
  for (; i < n; i++) result += f32.load(x + (<usize>i << 2)) * f32.load(y + (<usize>i << 2));
  return result;
}
