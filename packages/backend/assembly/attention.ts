// Causal self-attention with rotary positions and grouped heads. One sequence and one key/value head at a time: rotated
// copies of its rows are made contiguous, scores exist for one block of query rows only, and the gradient computes them
// again from the saved log-sums (as FlashAttention does; Dao et al. 2022).
import { dot, expInPlace, maxOf, naturalLog, scaleInPlace } from './exp';
import { blockRows, multiplyPacked, packB, packedBytes } from './gemm';

/** Turns row x [d] by the angles of one position (`rotate_half`) times `scale`; sign −1 turns back. */
function rotateRow(x: usize, to: usize, half: i32, cos: usize, sin: usize, sign: f32, scale: f32): void {
  for (let i = 0; i < half; i++) {
    const at = (<usize>i) << 2;
    const upper = (<usize>(half + i)) << 2;
    const a = f32.load(x + at);
    const b = f32.load(x + upper);
    const c = f32.load(cos + at) * scale;
    const s = f32.load(sin + at) * scale * sign;
    f32.store(to + at, a * c - b * s);
    f32.store(to + upper, b * c + a * s);
  }
}

/** Rotates `length` rows of d floats at positions 0, 1, …: row strides in floats, cos and sin [positions, d / 2]. */
function rotateRows(
  length: i32,
  d: i32,
  x: usize,
  xRow: i32,
  to: usize,
  toRow: i32,
  cos: usize,
  sin: usize,
  sign: f32,
  scale: f32,
): void {
  const half = d >> 1;
  for (let t = 0; t < length; t++) {
    const angle = (<usize>(t * half)) << 2;
    rotateRow(
      x + ((<usize>(t * xRow)) << 2),
      to + ((<usize>(t * toRow)) << 2),
      half,
      cos + angle,
      sin + angle,
      sign,
      scale,
    );
  }
}

function copyRows(length: i32, d: i32, x: usize, xRow: i32, to: usize, toRow: i32): void {
  for (let t = 0; t < length; t++)
    memory.copy(to + ((<usize>(t * toRow)) << 2), x + ((<usize>(t * xRow)) << 2), (<usize>d) << 2);
}

function zeroRows(length: i32, d: i32, x: usize, xRow: i32): void {
  for (let t = 0; t < length; t++) memory.fill(x + ((<usize>(t * xRow)) << 2), 0, (<usize>d) << 2);
}

/** Bytes of scratch memory for `attention` and `attentionGrad` on sequences of at most `length` tokens. */
export function attentionScratchBytes(length: i32, d: i32): i32 {
  const rows = length * d * 4;
  const packs = packedBytes(length, d) + packedBytes(d, length) + 64;
  const blocks = blockRows * length * 4;
  const packedA = (blockRows + 4) * max(length, max(d, blockRows)) * 4;
  return 128 + packedA + 2 * blocks + 5 * rows + 3 * packs + packedBytes(d, blockRows);
}

/**
 * out [B·T, H·d] and logSums [B, H, T] of q [B·T, H·d], k and v [B·T, KV·d]; real tokens of row b are
 * [starts[b], ends[b]), the rest gets zeros.
 */
export function attention(
  batch: i32,
  length: i32,
  heads: i32,
  kvHeads: i32,
  d: i32,
  q: usize,
  k: usize,
  v: usize,
  starts: usize,
  ends: usize,
  cos: usize,
  sin: usize,
  out: usize,
  logSums: usize,
  scratch: usize,
): void {
  const group = heads / kvHeads;
  const qRow = heads * d;
  const kRow = kvHeads * d;
  const scale: f32 = <f32>1 / sqrt<f32>(<f32>d);
  const tile = scratch;
  const packedA = tile + 128;
  const scores = packedA + <usize>((blockRows + 4) * max(length, max(d, blockRows))) * 4;
  const turned = scores + <usize>(blockRows * length) * 4;
  const packedK = turned + <usize>(length * d) * 4;
  const packedV = packedK + <usize>packedBytes(length, d);
  for (let b = 0; b < batch; b++) {
    const start = i32.load(starts + ((<usize>b) << 2));
    const end = i32.load(ends + ((<usize>b) << 2));
    const n = end - start;
    zeroRows(start, qRow, out + ((<usize>(b * length * qRow)) << 2), qRow);
    zeroRows(
      length - max(end, start),
      qRow,
      out + ((<usize>((b * length + max(end, start)) * qRow)) << 2),
      qRow,
    );
    if (n <= 0) continue;
    const first = b * length + start;
    for (let kv = 0; kv < kvHeads; kv++) {
      const kvAt = (<usize>(first * kRow + kv * d)) << 2;
      rotateRows(n, d, k + kvAt, kRow, turned, d, cos, sin, 1, 1);
      packB(n, d, turned, 1, d, packedK);
      packB(d, n, v + kvAt, kRow, 1, packedV);
      for (let g = 0; g < group; g++) {
        const head = kv * group + g;
        const qAt = (<usize>(first * qRow + head * d)) << 2;
        rotateRows(n, d, q + qAt, qRow, turned, d, cos, sin, 1, scale);
        const sums = logSums + ((<usize>((b * heads + head) * length + start)) << 2);
        for (let i = 0; i < n; i += blockRows) {
          const rows = min(blockRows, n - i);
          const seen = i + rows;
          const from = turned + ((<usize>(i * d)) << 2);
          multiplyPacked(rows, seen, d, from, d, 1, packedK, d, scores, length, false, packedA, tile);
          for (let r = 0; r < rows; r++) {
            const line = scores + ((<usize>(r * length)) << 2);
            const visible = i + r + 1;
            const top = maxOf(line, visible);
            const sum = expInPlace(line, visible, top);
            scaleInPlace(line, visible, <f32>1 / sum);
            memory.fill(line + ((<usize>visible) << 2), 0, (<usize>(seen - visible)) << 2);
            f32.store(sums + ((<usize>(i + r)) << 2), top + naturalLog(sum));
          }
          const to = out + qAt + ((<usize>(i * qRow)) << 2);
          multiplyPacked(rows, d, seen, scores, length, 1, packedV, n, to, qRow, false, packedA, tile);
        }
      }
    }
  }
}

/** Gradients dq, dk, dv of `attention` for dOut, given its inputs, output and log-sums. */
export function attentionGrad(
  batch: i32,
  length: i32,
  heads: i32,
  kvHeads: i32,
  d: i32,
  q: usize,
  k: usize,
  v: usize,
  starts: usize,
  ends: usize,
  cos: usize,
  sin: usize,
  out: usize,
  logSums: usize,
  dOut: usize,
  dq: usize,
  dk: usize,
  dv: usize,
  scratch: usize,
): void {
  const group = heads / kvHeads;
  const qRow = heads * d;
  const kRow = kvHeads * d;
  const scale: f32 = <f32>1 / sqrt<f32>(<f32>d);
  const rowsBytes = <usize>(length * d) * 4;
  const tile = scratch;
  const packedA = tile + 128;
  const weights = packedA + <usize>((blockRows + 4) * max(length, max(d, blockRows))) * 4;
  const dScores = weights + <usize>(blockRows * length) * 4;
  const turnedQ = dScores + <usize>(blockRows * length) * 4;
  const turnedK = turnedQ + rowsBytes;
  const dTurnedQ = turnedK + rowsBytes;
  const dTurnedK = dTurnedQ + rowsBytes;
  const dValues = dTurnedK + rowsBytes;
  const packedKt = dValues + rowsBytes;
  const packedVt = packedKt + <usize>packedBytes(length, d);
  const packedK = packedVt + <usize>packedBytes(length, d);
  const packedRows = packedK + <usize>packedBytes(d, length);
  for (let b = 0; b < batch; b++) {
    const start = i32.load(starts + ((<usize>b) << 2));
    const end = max(start, i32.load(ends + ((<usize>b) << 2)));
    const n = end - start;
    const rowZero = b * length;
    zeroRows(start, qRow, dq + ((<usize>(rowZero * qRow)) << 2), qRow);
    zeroRows(length - end, qRow, dq + ((<usize>((rowZero + end) * qRow)) << 2), qRow);
    zeroRows(start, kRow, dk + ((<usize>(rowZero * kRow)) << 2), kRow);
    zeroRows(length - end, kRow, dk + ((<usize>((rowZero + end) * kRow)) << 2), kRow);
    zeroRows(start, kRow, dv + ((<usize>(rowZero * kRow)) << 2), kRow);
    zeroRows(length - end, kRow, dv + ((<usize>((rowZero + end) * kRow)) << 2), kRow);
    if (n <= 0) continue;
    const first = rowZero + start;
    for (let kv = 0; kv < kvHeads; kv++) {
      const kvAt = (<usize>(first * kRow + kv * d)) << 2;
      rotateRows(n, d, k + kvAt, kRow, turnedK, d, cos, sin, 1, 1);
      packB(n, d, turnedK, 1, d, packedKt);
      packB(d, n, turnedK, d, 1, packedK);
      packB(n, d, v + kvAt, 1, kRow, packedVt);
      memory.fill(dTurnedK, 0, rowsBytes);
      memory.fill(dValues, 0, rowsBytes);
      for (let g = 0; g < group; g++) {
        const head = kv * group + g;
        const qAt = (<usize>(first * qRow + head * d)) << 2;
        rotateRows(n, d, q + qAt, qRow, turnedQ, d, cos, sin, 1, scale);
        const sums = logSums + ((<usize>((b * heads + head) * length + start)) << 2);
        for (let i = 0; i < n; i += blockRows) {
          const rows = min(blockRows, n - i);
          const seen = i + rows;
          const qBlock = turnedQ + ((<usize>(i * d)) << 2);
          const rowAt = qAt + ((<usize>(i * qRow)) << 2);
          multiplyPacked(rows, seen, d, qBlock, d, 1, packedKt, d, weights, length, false, packedA, tile);
          multiplyPacked(
            rows,
            seen,
            d,
            dOut + rowAt,
            qRow,
            1,
            packedVt,
            d,
            dScores,
            length,
            false,
            packedA,
            tile,
          );
          for (let r = 0; r < rows; r++) {
            const lineAt = (<usize>(r * length)) << 2;
            const visible = i + r + 1;
            const at = rowAt + ((<usize>(r * qRow)) << 2);
            const delta = dot(dOut + at, out + at, d);
            expInPlace(weights + lineAt, visible, f32.load(sums + ((<usize>(i + r)) << 2)));
            scoreGradient(weights + lineAt, dScores + lineAt, visible, delta);
            const rest = (<usize>(seen - visible)) << 2;
            memory.fill(weights + lineAt + ((<usize>visible) << 2), 0, rest);
            memory.fill(dScores + lineAt + ((<usize>visible) << 2), 0, rest);
          }
          const dqBlock = dTurnedQ + ((<usize>(i * d)) << 2);
          multiplyPacked(rows, d, seen, dScores, length, 1, packedK, n, dqBlock, d, false, packedA, tile);
          packB(d, rows, qBlock, d, 1, packedRows);
          multiplyPacked(
            seen,
            d,
            rows,
            dScores,
            1,
            length,
            packedRows,
            rows,
            dTurnedK,
            d,
            true,
            packedA,
            tile,
          );
          packB(d, rows, dOut + rowAt, qRow, 1, packedRows);
          multiplyPacked(
            seen,
            d,
            rows,
            weights,
            1,
            length,
            packedRows,
            rows,
            dValues,
            d,
            true,
            packedA,
            tile,
          );
        }
        rotateRows(n, d, dTurnedQ, d, dq + qAt, qRow, cos, sin, -1, scale);
      }
      rotateRows(n, d, dTurnedK, d, dk + kvAt, kRow, cos, sin, -1, 1);
      copyRows(n, d, dValues, d, dv + kvAt, kRow);
    }
  }
}

/** dScores = weights·(dWeights − delta) in place over n floats. */
function scoreGradient(weights: usize, dScores: usize, n: i32, delta: f32): void {
  const shift = f32x4.splat(delta);
  let j = 0;
  for (; j + 4 <= n; j += 4) {
    const at = (<usize>j) << 2;
    v128.store(dScores + at, f32x4.mul(v128.load(weights + at), f32x4.sub(v128.load(dScores + at), shift)));
  }
  for (; j < n; j++) {
    const at = (<usize>j) << 2;
    f32.store(dScores + at, f32.load(weights + at) * (f32.load(dScores + at) - delta));
  }
}

/**
 * Writes the rotated keys and the values of a prompt batch into the caches [rows, KV, capacity, d]: token t of batch
 * row b goes to cache row targets[b] at position t − starts[b].
 */
export function fillCache(
  batch: i32,
  length: i32,
  kvHeads: i32,
  d: i32,
  k: usize,
  v: usize,
  starts: usize,
  ends: usize,
  targets: usize,
  cos: usize,
  sin: usize,
  cacheK: usize,
  cacheV: usize,
  capacity: i32,
): void {
  const kRow = kvHeads * d;
  for (let b = 0; b < batch; b++) {
    const start = i32.load(starts + ((<usize>b) << 2));
    const n = i32.load(ends + ((<usize>b) << 2)) - start;
    const row = i32.load(targets + ((<usize>b) << 2));
    if (n <= 0) continue;
    for (let kv = 0; kv < kvHeads; kv++) {
      const from = (<usize>((b * length + start) * kRow + kv * d)) << 2;
      const to = (<usize>((row * kvHeads + kv) * capacity * d)) << 2;
      rotateRows(n, d, k + from, kRow, cacheK + to, d, cos, sin, 1, 1);
      copyRows(n, d, v + from, kRow, cacheV + to, d);
    }
  }
}

/**
 * One decoding step: appends each row's key and value to its cache row at its position, and attends over all up to it.
 * q [R, H·d]; k, v [R, KV·d]; cacheRows, positions [R]; out [R, H·d]; scores: capacity floats of scratch.
 */
export function decodeAttention(
  rows: i32,
  heads: i32,
  kvHeads: i32,
  d: i32,
  q: usize,
  k: usize,
  v: usize,
  cacheRows: usize,
  positions: usize,
  cos: usize,
  sin: usize,
  cacheK: usize,
  cacheV: usize,
  capacity: i32,
  out: usize,
  scores: usize,
  turned: usize,
): void {
  const group = heads / kvHeads;
  const half = d >> 1;
  const scale: f32 = <f32>1 / sqrt<f32>(<f32>d);
  for (let r = 0; r < rows; r++) {
    const cacheRow = i32.load(cacheRows + ((<usize>r) << 2));
    const position = i32.load(positions + ((<usize>r) << 2));
    const angle = (<usize>(position * half)) << 2;
    for (let kv = 0; kv < kvHeads; kv++) {
      const base = (<usize>((cacheRow * kvHeads + kv) * capacity * d)) << 2;
      const own = base + ((<usize>(position * d)) << 2);
      const from = (<usize>((r * kvHeads + kv) * d)) << 2;
      rotateRow(k + from, cacheK + own, half, cos + angle, sin + angle, 1, 1);
      memory.copy(cacheV + own, v + from, (<usize>d) << 2);
      for (let g = 0; g < group; g++) {
        const at = (<usize>((r * heads + kv * group + g) * d)) << 2;
        rotateRow(q + at, turned, half, cos + angle, sin + angle, 1, scale);
        const n = position + 1;
        for (let t = 0; t < n; t++)
          f32.store(scores + ((<usize>t) << 2), dot(turned, cacheK + base + ((<usize>(t * d)) << 2), d));
        const sum = expInPlace(scores, n, maxOf(scores, n));
        mixValues(n, d, scores, cacheV + base, <f32>1 / sum, out + at);
      }
    }
  }
}

/** scores[t] = q · keys[t]: q [d], keys [n, d]; four keys at a time. */
function scoreKeys(n: i32, d: i32, q: usize, keys: usize, scores: usize): void {
  const row = <usize>d << 2;
  let t = 0;
  if ((d & 3) == 0) {
    for (; t + 4 <= n; t += 4) {
      const k0 = keys + <usize>t * row;
      const k1 = k0 + row;
      const k2 = k1 + row;
      const k3 = k2 + row;
      let s0 = f32x4.splat(0);
      let s1 = s0;
      let s2 = s0;
      let s3 = s0;
      for (let at: usize = 0; at < row; at += 16) {
        const x = v128.load(q + at);
        s0 = f32x4.add(s0, f32x4.mul(x, v128.load(k0 + at)));
        s1 = f32x4.add(s1, f32x4.mul(x, v128.load(k1 + at)));
        s2 = f32x4.add(s2, f32x4.mul(x, v128.load(k2 + at)));
        s3 = f32x4.add(s3, f32x4.mul(x, v128.load(k3 + at)));
      }
      const a0 = f32x4.add(v128.shuffle<f32>(s0, s1, 0, 4, 1, 5), v128.shuffle<f32>(s0, s1, 2, 6, 3, 7));
      const a1 = f32x4.add(v128.shuffle<f32>(s2, s3, 0, 4, 1, 5), v128.shuffle<f32>(s2, s3, 2, 6, 3, 7));
      const sum = f32x4.add(v128.shuffle<f32>(a0, a1, 0, 1, 4, 5), v128.shuffle<f32>(a0, a1, 2, 3, 6, 7));
      v128.store(scores + (<usize>t << 2), sum);
    }
  }
  for (; t < n; t++) f32.store(scores + (<usize>t << 2), dot(q, keys + <usize>t * row, d));
}

/** out [d] = scale · Σ weights[t] · values[t]. */
function mixValues(n: i32, d: i32, weights: usize, values: usize, scale: f32, out: usize): void {
  const by = f32x4.splat(scale);
  let j = 0;
  for (; j + 16 <= d; j += 16) {
    const column = (<usize>j) << 2;
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    for (let t = 0; t < n; t++) {
      const w = v128.load32_splat(weights + ((<usize>t) << 2));
      const at = values + ((<usize>(t * d)) << 2) + column;
      s0 = f32x4.add(s0, f32x4.mul(w, v128.load(at)));
      s1 = f32x4.add(s1, f32x4.mul(w, v128.load(at, 16)));
      s2 = f32x4.add(s2, f32x4.mul(w, v128.load(at, 32)));
      s3 = f32x4.add(s3, f32x4.mul(w, v128.load(at, 48)));
    }
    v128.store(out + column, f32x4.mul(s0, by));
    v128.store(out + column, f32x4.mul(s1, by), 16);
    v128.store(out + column, f32x4.mul(s2, by), 32);
    v128.store(out + column, f32x4.mul(s3, by), 48);
  }
  for (; j < d; j++) {
    let sum: f32 = 0;
    for (let t = 0; t < n; t++)
      sum += f32.load(weights + ((<usize>t) << 2)) * f32.load(values + ((<usize>(t * d + j)) << 2));
    f32.store(out + ((<usize>j) << 2), sum * scale);
  }
}
