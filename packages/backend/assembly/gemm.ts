// Matrix product with packed panels (Goto & van de Geijn 2008), float32, 128-bit SIMD.
//
// The micro-kernel holds a 4 × 8 tile of C in eight registers; B is packed into panels of 8 columns, A into panels of
// 4 rows, both padded with zeros, so that every transposition is dealt with while packing.

/** Rows of A that are packed at once: 64 × 256 floats, 64 KiB, stay in the second-level cache. */
export const blockRows: i32 = 64;
/** Depth of a packed block: an 8-column panel of B is 8 KiB and stays in the first-level cache. */
export const blockDepth: i32 = 256;

/** Bytes of scratch memory that `gemm` needs for products of at most `n` columns and depth `k`. */
export function gemmScratchBytes(n: i32, k: i32): i32 {
  const depth = min(k, blockDepth);
  return (((n + 7) & ~7) * depth + (blockRows + 4) * depth + 32) * 4;
}

// @ts-ignore: decorator
@inline
function packPanelB(b: usize, rowStride: usize, columnStride: usize, columns: i32, depth: i32, to: usize): void {
  if (columnStride == 4) {
    if (columns == 8) {
      for (let k = 0; k < depth; k++) {
        v128.store(to, v128.load(b));
        v128.store(to, v128.load(b, 16), 16);
        b += rowStride;
        to += 32;
      }
      return;
    }
  } else if (columns == 8 && rowStride == 4) {
    packTransposed(b, columnStride, depth, to, 32);
    packTransposed(b + 4 * columnStride, columnStride, depth, to + 16, 32);
    return;
  }
  for (let k = 0; k < depth; k++) {
    let from = b;
    for (let j = 0; j < columns; j++) {
      f32.store(to + (<usize>j << 2), f32.load(from));
      from += columnStride;
    }
    for (let j = columns; j < 8; j++) f32.store(to + (<usize>j << 2), 0);
    b += rowStride;
    to += 32;
  }
}

/** Packs four lines, contiguous along the depth, side by side: to[k][0..3] = line 0..3 at k. */
function packTransposed(from: usize, lineStride: usize, depth: i32, to: usize, toStride: usize): void {
  const from1 = from + lineStride;
  const from2 = from1 + lineStride;
  const from3 = from2 + lineStride;
  let k = 0;
  let at: usize = 0;
  for (; k + 4 <= depth; k += 4) {
    const r0 = v128.load(from + at);
    const r1 = v128.load(from1 + at);
    const r2 = v128.load(from2 + at);
    const r3 = v128.load(from3 + at);
    const t0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
    const t1 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
    const t2 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
    const t3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<f32>(t0, t2, 0, 1, 4, 5));
    v128.store(to + toStride, v128.shuffle<f32>(t0, t2, 2, 3, 6, 7));
    v128.store(to + 2 * toStride, v128.shuffle<f32>(t1, t3, 0, 1, 4, 5));
    v128.store(to + 3 * toStride, v128.shuffle<f32>(t1, t3, 2, 3, 6, 7));
    at += 16;
    to += 4 * toStride;
  }
  for (; k < depth; k++) {
    f32.store(to, f32.load(from + at));
    f32.store(to, f32.load(from1 + at), 4);
    f32.store(to, f32.load(from2 + at), 8);
    f32.store(to, f32.load(from3 + at), 12);
    at += 4;
    to += toStride;
  }
}

// @ts-ignore: decorator
@inline
function packPanelA(a: usize, rowStride: usize, depthStride: usize, rows: i32, depth: i32, to: usize): void {
  if (rows == 4) {
    if (depthStride == 4) {
      packTransposed(a, rowStride, depth, to, 16);
      return;
    }
    if (rowStride == 4) {
      for (let k = 0; k < depth; k++) {
        v128.store(to, v128.load(a));
        a += depthStride;
        to += 16;
      }
      return;
    }
  }
  for (let k = 0; k < depth; k++) {
    let from = a;
    for (let i = 0; i < rows; i++) {
      f32.store(to + (<usize>i << 2), f32.load(from));
      from += rowStride;
    }
    for (let i = rows; i < 4; i++) f32.store(to + (<usize>i << 2), 0);
    a += depthStride;
    to += 16;
  }
}

/** c[0..3][0..7] = (or += when `add`) panelA · panelB over `depth`. */
function microKernel(a: usize, b: usize, depth: i32, c: usize, cStride: usize, add: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  for (let k = 0; k < depth; k++) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load32_splat(a);
    c00 = f32x4.add(c00, f32x4.mul(x, b0));
    c01 = f32x4.add(c01, f32x4.mul(x, b1));
    x = v128.load32_splat(a, 4);
    c10 = f32x4.add(c10, f32x4.mul(x, b0));
    c11 = f32x4.add(c11, f32x4.mul(x, b1));
    x = v128.load32_splat(a, 8);
    c20 = f32x4.add(c20, f32x4.mul(x, b0));
    c21 = f32x4.add(c21, f32x4.mul(x, b1));
    x = v128.load32_splat(a, 12);
    c30 = f32x4.add(c30, f32x4.mul(x, b0));
    c31 = f32x4.add(c31, f32x4.mul(x, b1));
    a += 16;
    b += 32;
  }
  const cc1 = c + cStride;
  const cc2 = cc1 + cStride;
  const cc3 = cc2 + cStride;
  if (add) {
    c00 = f32x4.add(c00, v128.load(c));
    c01 = f32x4.add(c01, v128.load(c, 16));
    c10 = f32x4.add(c10, v128.load(cc1));
    c11 = f32x4.add(c11, v128.load(cc1, 16));
    c20 = f32x4.add(c20, v128.load(cc2));
    c21 = f32x4.add(c21, v128.load(cc2, 16));
    c30 = f32x4.add(c30, v128.load(cc3));
    c31 = f32x4.add(c31, v128.load(cc3, 16));
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(cc1, c10);
  v128.store(cc1, c11, 16);
  v128.store(cc2, c20);
  v128.store(cc2, c21, 16);
  v128.store(cc3, c30);
  v128.store(cc3, c31, 16);
}

/** The same for a tile cut off by the edge of C, through a whole tile in scratch memory. */
function edgeTile(
  a: usize,
  b: usize,
  depth: i32,
  c: usize,
  cStride: usize,
  add: bool,
  rows: i32,
  columns: i32,
  tile: usize,
): void {
  microKernel(a, b, depth, tile, 32, false);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const at = c + (<usize>j << 2);
      const value = f32.load(tile + (<usize>j << 2));
      f32.store(at, add ? f32.load(at) + value : value);
    }
    c += cStride;
    tile += 32;
  }
}

/** Bytes of a packed B of `n` columns and depth `k` in one block. */
export function packedBytes(n: i32, k: i32): i32 {
  return ((n + 7) & ~7) * k * 4;
}

/** Packs B [k, n] (any strides, in floats) into panels of 8 columns, each k × 8. */
export function packB(n: i32, k: i32, b: usize, bDepth: i32, bColumn: i32, to: usize): void {
  const columnBytes = <usize>bColumn << 2;
  for (let j = 0; j < n; j += 8) {
    packPanelB(b + <usize>j * columnBytes, <usize>bDepth << 2, columnBytes, min(8, n - j), k, to);
    to += <usize>k * 32;
  }
}

/**
 * C [m, n] = A [m, k] · B, or +=, with B packed in panels of `panelDepth` × 8 (the first `k` of each are used).
 * `packedA` holds (blockRows + 4) · k floats, `tile` 32. Strides in floats.
 */
export function multiplyPacked(
  m: i32,
  n: i32,
  k: i32,
  a: usize,
  aRow: i32,
  aDepth: i32,
  packed: usize,
  panelDepth: i32,
  c: usize,
  cRow: i32,
  add: bool,
  packedA: usize,
  tile: usize,
): void {
  const aRowBytes = <usize>aRow << 2;
  const aDepthBytes = <usize>aDepth << 2;
  const cRowBytes = <usize>cRow << 2;
  const panelA = <usize>k * 16;
  const panelB = <usize>panelDepth * 32;
  for (let i = 0; i < m; i += blockRows) {
    const rows = min(blockRows, m - i);
    let to = packedA;
    for (let r = 0; r < rows; r += 4) {
      packPanelA(a + <usize>(i + r) * aRowBytes, aRowBytes, aDepthBytes, min(4, rows - r), k, to);
      to += panelA;
    }
    let bAt = packed;
    for (let j = 0; j < n; j += 8) {
      const columns = min(8, n - j);
      let aAt = packedA;
      let cAt = c + <usize>i * cRowBytes + (<usize>j << 2);
      for (let r = 0; r < rows; r += 4) {
        const height = min(4, rows - r);
        if (columns == 8 && height == 4) microKernel(aAt, bAt, k, cAt, cRowBytes, add);
        else edgeTile(aAt, bAt, k, cAt, cRowBytes, add, height, columns, tile);
        aAt += panelA;
        cAt += 4 * cRowBytes;
      }
      bAt += panelB;
    }
  }
}

/** Products of few rows with rows of B are bound by reading B: no packing, four rows of B at a time. */
const fewRows: i32 = 3;

/** C[i][j] = (or += when `add`) A[i] · B[j], both contiguous along the depth. Row strides in bytes. */
function dotRows(
  m: i32,
  n: i32,
  k: i32,
  a: usize,
  aRow: usize,
  b: usize,
  bRow: usize,
  c: usize,
  cRow: usize,
  add: bool,
): void {
  const whole = <usize>(k & ~3) << 2;
  const bytes = <usize>k << 2;
  for (let j = 0; j < n; j += 4) {
    const count = min(4, n - j);
    // Past the last row the first one is read again and its result dropped.
    const b0 = b + <usize>j * bRow;
    const b1 = count > 1 ? b0 + bRow : b0;
    const b2 = count > 2 ? b1 + bRow : b0;
    const b3 = count > 3 ? b2 + bRow : b0;
    for (let i = 0; i < m; i++) {
      const x = a + <usize>i * aRow;
      let s0 = f32x4.splat(0);
      let s1 = s0;
      let s2 = s0;
      let s3 = s0;
      let at: usize = 0;
      for (; at < whole; at += 16) {
        const v = v128.load(x + at);
        s0 = f32x4.add(s0, f32x4.mul(v, v128.load(b0 + at)));
        s1 = f32x4.add(s1, f32x4.mul(v, v128.load(b1 + at)));
        s2 = f32x4.add(s2, f32x4.mul(v, v128.load(b2 + at)));
        s3 = f32x4.add(s3, f32x4.mul(v, v128.load(b3 + at)));
      }
      const t0 = f32x4.add(v128.shuffle<f32>(s0, s1, 0, 4, 1, 5), v128.shuffle<f32>(s0, s1, 2, 6, 3, 7));
      const t1 = f32x4.add(v128.shuffle<f32>(s2, s3, 0, 4, 1, 5), v128.shuffle<f32>(s2, s3, 2, 6, 3, 7));
      let sum = f32x4.add(v128.shuffle<f32>(t0, t1, 0, 1, 4, 5), v128.shuffle<f32>(t0, t1, 2, 3, 6, 7));
      for (; at < bytes; at += 4) {
        let last = f32x4.splat(f32.load(b0 + at));
        last = f32x4.replace_lane(last, 1, f32.load(b1 + at));
        last = f32x4.replace_lane(last, 2, f32.load(b2 + at));
        last = f32x4.replace_lane(last, 3, f32.load(b3 + at));
        sum = f32x4.add(sum, f32x4.mul(f32x4.splat(f32.load(x + at)), last));
      }
      const to = c + <usize>i * cRow + (<usize>j << 2);
      if (count == 4) v128.store(to, add ? f32x4.add(sum, v128.load(to)) : sum);
      else {
        for (let r = 0; r < count; r++) {
          const value = f32x4.extract_lane(sum, 0);
          const place = to + (<usize>r << 2);
          f32.store(place, add ? f32.load(place) + value : value);
          sum = v128.shuffle<f32>(sum, sum, 1, 2, 3, 0);
        }
      }
    }
  }
}

/**
 * C [m, n] = op(A) [m, k] · op(B) [k, n], or += when `accumulate`. Strides are in floats: A is read at
 * a[i·aRow + p·aDepth], B at b[p·bDepth + j·bColumn], C at c[i·cRow + j].
 */
export function gemm(
  m: i32,
  n: i32,
  k: i32,
  a: usize,
  aRow: i32,
  aDepth: i32,
  b: usize,
  bDepth: i32,
  bColumn: i32,
  c: usize,
  cRow: i32,
  accumulate: bool,
  scratch: usize,
): void {
  if (m <= fewRows && aDepth == 1 && bDepth == 1) {
    dotRows(m, n, k, a, <usize>aRow << 2, b, <usize>bColumn << 2, c, <usize>cRow << 2, accumulate);
    return;
  }
  const packedA = scratch + 128;
  const packedB = packedA + (<usize>((blockRows + 4) * min(k, blockDepth)) << 2);
  for (let p = 0; p < k; p += blockDepth) {
    const depth = min(blockDepth, k - p);
    packB(n, depth, b + (<usize>(p * bDepth) << 2), bDepth, bColumn, packedB);
    const from = a + (<usize>(p * aDepth) << 2);
    multiplyPacked(m, n, depth, from, aRow, aDepth, packedB, depth, c, cRow, accumulate || p > 0, packedA, scratch);
  }
}
