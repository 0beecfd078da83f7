import { ModelFileError } from '../errors.js';
import { failGguf, GgufCursor } from './gguf-cursor.js';
import { blockFormats, type GgufTensorType, tensorTypeNames } from './tensor-types.js';

/** A metadata value; 64-bit integers are numbers where they are exact, else bigints. */
export type GgufValue = number | bigint | boolean | string | readonly GgufValue[];

export interface GgufTensor {
  readonly name: string;
  readonly type: GgufTensorType;
  /** Row-major, outermost first (GGUF itself lists the innermost first). */
  readonly shape: readonly number[];
  /** First byte in the file. */
  readonly offset: number;
  readonly byteLength: number;
}

export interface GgufHeader {
  readonly version: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** Published files have some dozens of keys and a few thousand tensors. */
const maxKeys = 1 << 16;
const maxTensors = 1 << 16;
/** 2^21 elements: eight times the largest published vocabulary. */
const maxArrayLength = 1 << 21;
const maxArrayDepth = 2;
const maxDimensions = 4;

const exact = (value: bigint): number | bigint =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value;

/** Readers of the scalar types by their number in the format, and the least bytes of one value. */
const scalars: Readonly<Record<number, readonly [read: (c: GgufCursor) => GgufValue, bytes: number]>> = {
  0: [(c) => c.u8(), 1],
  1: [(c) => c.i8(), 1],
  2: [(c) => c.u16(), 2],
  3: [(c) => c.i16(), 2],
  4: [(c) => c.u32(), 4],
  5: [(c) => c.i32(), 4],
  6: [(c) => c.f32(), 4],
  7: [(c) => c.u8() !== 0, 1],
  8: [(c) => c.string(), 8],
  10: [(c) => exact(c.u64()), 8],
  11: [(c) => exact(c.i64()), 8],
  12: [(c) => c.f64(), 8],
};
const arrayType = 9;

function readValue(cursor: GgufCursor, type: number, key: string, depth: number): GgufValue {
  if (type !== arrayType) {
    const scalar = scalars[type];
    if (!scalar) failGguf(cursor.path, `metadata ${JSON.stringify(key)} has unknown type ${type}.`, { key });
    return scalar[0](cursor);
  }
  if (depth >= maxArrayDepth) failGguf(cursor.path, `metadata ${JSON.stringify(key)} nests arrays too deep.`);
  const elementType = cursor.u32();
  const length = cursor.count(maxArrayLength, `length of the array ${JSON.stringify(key)}`);
  cursor.requireLeft(
    length * (scalars[elementType]?.[1] ?? 12),
    `the ${length} elements of ${JSON.stringify(key)}`,
  );
  const values: GgufValue[] = [];
  for (let i = 0; i < length; i++) values.push(readValue(cursor, elementType, key, depth + 1));
  return values;
}

function readMetadata(cursor: GgufCursor, count: number): Map<string, GgufValue> {
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < count; i++) {
    const key = cursor.string();
    if (metadata.has(key)) failGguf(cursor.path, `metadata ${JSON.stringify(key)} appears twice.`, { key });
    metadata.set(key, readValue(cursor, cursor.u32(), key, 0));
  }
  return metadata;
}

interface TensorRecord {
  readonly name: string;
  readonly type: GgufTensorType;
  readonly shape: readonly number[];
  readonly relative: number;
  readonly byteLength: number;
}

function readTensorRecord(cursor: GgufCursor): TensorRecord {
  const { path } = cursor;
  const name = cursor.string();
  const rank = cursor.u32();
  const label = `tensor ${JSON.stringify(name)}`;
  if (rank > maxDimensions) failGguf(path, `${label} claims ${rank} dimensions.`, { name });
  const shape = Array.from({ length: rank }, () => cursor.count(2 ** 40, `a size of ${label}`)).reverse();
  const typeNumber = cursor.u32();
  const relative = cursor.count(Number.MAX_SAFE_INTEGER, `offset of ${label}`);
  const type = tensorTypeNames.get(typeNumber);
  const format = type ? blockFormats[type as GgufTensorType] : undefined;
  if (!format) {
    throw new ModelFileError({
      code: 'GGUF_TENSOR_TYPE',
      message: `${path}: ${label} has type ${type ?? `number ${typeNumber}`}; supported are ${Object.keys(blockFormats).join(', ')}. Use a file in one of these quantisations.`,
      context: { path, name, type: type ?? typeNumber },
    });
  }
  const size = shape.reduce((product, n) => product * n, 1);
  if ((shape.at(-1) ?? 1) % format.elements !== 0)
    failGguf(path, `${label}: rows of ${shape.at(-1)} are not a multiple of ${type}'s ${format.elements}.`, {
      name,
    });
  const byteLength = (size / format.elements) * format.bytes;
  if (!Number.isSafeInteger(byteLength))
    failGguf(path, `${label} of shape [${shape}] is too large.`, { name });
  return { name, type: type as GgufTensorType, shape, relative, byteLength };
}

/** Places the tensors in the file; throws when they overlap or end outside. */
function placeTensors(
  records: readonly TensorRecord[],
  dataStart: number,
  alignment: number,
  cursor: GgufCursor,
): Map<string, GgufTensor> {
  const { path, fileBytes } = cursor;
  const sorted = [...records].sort((a, b) => a.relative - b.relative);
  const tensors = new Map<string, GgufTensor>();
  let end = dataStart;
  for (const { name, type, shape, relative, byteLength } of sorted) {
    const offset = dataStart + relative;
    const label = `tensor ${JSON.stringify(name)}`;
    if (tensors.has(name)) failGguf(path, `${label} appears twice.`, { name });
    if (relative % alignment !== 0)
      failGguf(path, `${label} is not aligned to ${alignment} bytes.`, { name });
    if (offset < end) failGguf(path, `${label} overlaps the one before it.`, { name });
    end = offset + byteLength;
    if (end > fileBytes)
      failGguf(path, `${label} lies at bytes ${offset} to ${end}, the file ends at ${fileBytes}.`, { name });
    tensors.set(name, { name, type, shape, offset, byteLength });
  }
  return tensors;
}

/**
 * Metadata and tensor table of a GGUF file from its first bytes. Every count is capped and checked against the file's
 * size before anything is allocated for it.
 *
 * Throws `ModelFileError` on damage, `NeedMoreBytes` when `bytes` is too short a part of the file.
 */
export function parseGgufHeader(bytes: Uint8Array, fileBytes: number, path: string): GgufHeader {
  const cursor = new GgufCursor(bytes, fileBytes, path);
  const magic = cursor.u32();
  if (magic !== 0x46554747)
    failGguf(path, `expected the magic "GGUF", found 0x${magic.toString(16).padStart(8, '0')}.`);
  const version = cursor.u32();
  if (version !== 2 && version !== 3)
    failGguf(path, `expected version 2 or 3 of the format, found ${version}.`);
  const tensorCount = cursor.count(maxTensors, 'number of tensors');
  const keyCount = cursor.count(maxKeys, 'number of metadata keys');
  // The shortest key takes 13 bytes, the shortest tensor record 24.
  cursor.requireLeft(keyCount * 13 + tensorCount * 24, `${keyCount} keys and ${tensorCount} tensors`);
  const metadata = readMetadata(cursor, keyCount);
  const alignment = metadata.get('general.alignment') ?? 32;
  if (typeof alignment !== 'number' || !Number.isInteger(alignment) || alignment < 1 || alignment > 65536)
    failGguf(path, `general.alignment: expected an integer from 1 to 65536, found ${String(alignment)}.`);
  const records = Array.from({ length: tensorCount }, () => readTensorRecord(cursor));
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  return { version, metadata, tensors: placeTensors(records, dataStart, alignment, cursor) };
}
