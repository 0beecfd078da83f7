/** Float32 of bfloat16 bits, elementwise, in `out`: the upper half of a float32. */
export function decodeBfloat16(
  bits: Uint16Array,
  out: Float32Array = new Float32Array(bits.length),
): Float32Array {
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return out;
}

let halfTable: Float32Array | undefined;

/** Float32 of each of the 65,536 IEEE 754 half-precision values. */
export function halfPrecisionTable(): Float32Array {
  if (halfTable) return halfTable;
  halfTable = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    let value = 2 ** (exponent - 15) * (1 + fraction / 1024);
    if (exponent === 0) value = 2 ** -14 * (fraction / 1024);
    if (exponent === 31) value = fraction ? Number.NaN : Infinity;
    halfTable[bits] = sign * value;
  }
  return halfTable;
}

/** Float32 of IEEE 754 half-precision bits, elementwise, in `out`. */
export function decodeFloat16(
  bits: Uint16Array,
  out: Float32Array = new Float32Array(bits.length),
): Float32Array {
  const table = halfPrecisionTable();
  for (let i = 0; i < bits.length; i++) out[i] = table[bits[i]!]!;
  return out;
}
