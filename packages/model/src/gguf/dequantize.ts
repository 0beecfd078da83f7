import { decodeBfloat16, decodeFloat16, halfPrecisionTable } from '../float-formats.js';
import { blockFormats, type GgufTensorType } from './tensor-types.js';

/*
 * The block formats of ggml. A block of 32 holds a scale d (and an offset m) in half precision and the quanta; a
 * K-quant block of 256 holds eight or sixteen sub-blocks with scales of their own, relative to d.
 */

type Decoder = (bytes: Uint8Array, blocks: number, out: Float32Array) => void;

/** Q4_0, Q4_1, Q5_0, Q5_1: value i from the low halves of 16 bytes, value i + 16 from the high halves, 5th bits apart. */
function nibbleBlocks(withOffset: boolean, withFifthBit: boolean): Decoder {
  const scaleBytes = withOffset ? 4 : 2;
  const size = scaleBytes + (withFifthBit ? 4 : 0) + 16;
  const middle = withOffset ? 0 : withFifthBit ? 16 : 8;
  return (bytes, blocks, out) => {
    const half = halfPrecisionTable();
    for (let block = 0; block < blocks; block++) {
      const at = block * size;
      const d = half[bytes[at]! | (bytes[at + 1]! << 8)]!;
      const m = withOffset ? half[bytes[at + 2]! | (bytes[at + 3]! << 8)]! : 0;
      let high = 0;
      if (withFifthBit) {
        const h = at + scaleBytes;
        high = bytes[h]! | (bytes[h + 1]! << 8) | (bytes[h + 2]! << 16) | (bytes[h + 3]! << 24);
      }
      const quanta = at + size - 16;
      const to = block * 32;
      for (let i = 0; i < 16; i++) {
        const byte = bytes[quanta + i]!;
        const low = (byte & 15) | (((high >>> i) & 1) << 4);
        const up = (byte >> 4) | (((high >>> (i + 16)) & 1) << 4);
        out[to + i] = (low - middle) * d + m;
        out[to + i + 16] = (up - middle) * d + m;
      }
    }
  };
}

const q80: Decoder = (bytes, blocks, out) => {
  const half = halfPrecisionTable();
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let block = 0; block < blocks; block++) {
    const at = block * 34;
    const d = half[bytes[at]! | (bytes[at + 1]! << 8)]!;
    for (let i = 0; i < 32; i++) out[block * 32 + i] = signed[at + 2 + i]! * d;
  }
};

/** Scale of sub-block j of a Q4_K or Q5_K block: six bits, packed in twelve bytes at `at`. */
function subScale(bytes: Uint8Array, at: number, j: number): number {
  if (j < 4) return bytes[at + j]! & 63;
  return (bytes[at + j + 4]! & 15) | ((bytes[at + j - 4]! >> 6) << 4);
}

/** Minimum of sub-block j, packed likewise. */
function subMinimum(bytes: Uint8Array, at: number, j: number): number {
  if (j < 4) return bytes[at + j + 4]! & 63;
  return (bytes[at + j + 4]! >> 4) | ((bytes[at + j]! >> 6) << 4);
}

/** Q4_K and Q5_K: 8 sub-blocks of 32, value = d·scale·q − dmin·minimum; Q5_K keeps the fifth bits in 32 bytes apart. */
function kBlocks(withFifthBit: boolean): Decoder {
  const size = withFifthBit ? 176 : 144;
  return (bytes, blocks, out) => {
    const half = halfPrecisionTable();
    for (let block = 0; block < blocks; block++) {
      const at = block * size;
      const d = half[bytes[at]! | (bytes[at + 1]! << 8)]!;
      const least = half[bytes[at + 2]! | (bytes[at + 3]! << 8)]!;
      const quanta = at + size - 128;
      for (let j = 0; j < 8; j++) {
        const scale = d * subScale(bytes, at + 4, j);
        const minimum = least * subMinimum(bytes, at + 4, j);
        const from = quanta + (j >> 1) * 32;
        const to = block * 256 + j * 32;
        for (let i = 0; i < 32; i++) {
          let q = j & 1 ? bytes[from + i]! >> 4 : bytes[from + i]! & 15;
          if (withFifthBit) q += ((bytes[at + 16 + i]! >> j) & 1) << 4;
          out[to + i] = scale * q - minimum;
        }
      }
    }
  };
}

/** Q6_K: 16 sub-blocks of 16, value = d·scale·(q − 32); low four bits and high two bits apart. */
const q6k: Decoder = (bytes, blocks, out) => {
  const half = halfPrecisionTable();
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let block = 0; block < blocks; block++) {
    const at = block * 210;
    const d = half[bytes[at + 208]! | (bytes[at + 209]! << 8)]!;
    for (let part = 0; part < 2; part++) {
      const lows = at + part * 64;
      const highs = at + 128 + part * 32;
      const scales = at + 192 + part * 8;
      for (let quarter = 0; quarter < 4; quarter++) {
        const to = block * 256 + part * 128 + quarter * 32;
        for (let i = 0; i < 32; i++) {
          const byte = bytes[lows + (quarter & 1) * 32 + i]!;
          const low = quarter < 2 ? byte & 15 : byte >> 4;
          const high = (bytes[highs + i]! >> (2 * quarter)) & 3;
          const scale = signed[scales + quarter * 2 + (i >> 4)]!;
          out[to + i] = d * scale * ((low | (high << 4)) - 32);
        }
      }
    }
  }
};

const decoders: Readonly<Record<Exclude<GgufTensorType, 'F32' | 'F16' | 'BF16'>, Decoder>> = {
  Q4_0: nibbleBlocks(false, false),
  Q4_1: nibbleBlocks(true, false),
  Q5_0: nibbleBlocks(false, true),
  Q5_1: nibbleBlocks(true, true),
  Q8_0: q80,
  Q4_K: kBlocks(false),
  Q5_K: kBlocks(true),
  Q6_K: q6k,
};

/**
 * Float32 values of whole blocks, in `out` where one is given and needed: F32 is a view of `bytes`. `bytes` starts on a
 * 4-byte boundary of its buffer.
 */
export function dequantize(bytes: Uint8Array, type: GgufTensorType, out?: Float32Array): Float32Array {
  if (type === 'F32') return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const { elements, bytes: size } = blockFormats[type];
  const blocks = bytes.byteLength / size;
  const values = out ?? new Float32Array(blocks * elements);
  if (type === 'F16' || type === 'BF16') {
    const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
    return type === 'F16' ? decodeFloat16(halves, values) : decodeBfloat16(halves, values);
  }
  decoders[type](bytes, blocks, values);
  return values;
}
