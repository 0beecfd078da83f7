import { InputError, sha256Hex } from '@srcode/core';
import { z } from 'zod';
import type { Checkpoint, TensorRecord } from './checkpoint.js';

const MAGIC = 'SRCODECKPT1\n';
/** 64 MiB of JSON names far more tensors than any model that fits a machine. */
const MAX_HEADER_BYTES = 64 * 1024 * 1024;

const headerSchema = z.object({
  stage: z.string(),
  step: z.number().int().nonnegative(),
  fingerprint: z.string(),
  counters: z.record(z.string(), z.number()),
  tensors: z.array(
    z.object({
      name: z.string(),
      shape: z.array(z.number().int().nonnegative()),
      /** In bytes from the start of the data. */
      offset: z.number().int().nonnegative(),
    }),
  ),
  dataBytes: z.number().int().nonnegative(),
  /** Of the data after the header. */
  sha256: z.string(),
});

/**
 * Bytes of a checkpoint: magic line, header length (uint32 little-endian), header sha256 (64 hex digits), JSON
 * header, then the tensors as little-endian float32 one after another.
 */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const names = [...checkpoint.tensors.keys()].sort();
  const tensors: { name: string; shape: number[]; offset: number }[] = [];
  let dataBytes = 0;
  for (const name of names) {
    const record = checkpoint.tensors.get(name)!;
    tensors.push({ name, shape: [...record.shape], offset: dataBytes });
    dataBytes += record.data.byteLength;
  }
  const data = new Uint8Array(dataBytes);
  for (const { name, offset } of tensors) {
    const { data: values } = checkpoint.tensors.get(name)!;
    data.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), offset);
  }
  const { stage, step, fingerprint, counters } = checkpoint;
  const header = Buffer.from(
    JSON.stringify({ stage, step, fingerprint, counters, tensors, dataBytes, sha256: sha256Hex(data) }),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  return Buffer.concat([Buffer.from(MAGIC), length, Buffer.from(sha256Hex(header)), header, data]);
}

/** The checkpoint in `bytes`. Throws `InputError` that names `path` when it is cut short, changed or something else. */
export function decodeCheckpoint(bytes: Uint8Array, path: string): Checkpoint {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = MAGIC.length + 4 + 64;
  if (buffer.length < start || buffer.toString('latin1', 0, MAGIC.length) !== MAGIC)
    throw corrupt(path, `expected a checkpoint that starts with "${MAGIC.trim()}"`);
  const headerLength = buffer.readUInt32LE(MAGIC.length);
  if (headerLength > MAX_HEADER_BYTES || start + headerLength > buffer.length)
    throw corrupt(path, `expected a header of ${headerLength} bytes, the file ends before it`);
  const headerBytes = buffer.subarray(start, start + headerLength);
  if (sha256Hex(headerBytes) !== buffer.toString('latin1', MAGIC.length + 4, start))
    throw corrupt(path, 'its header does not match its checksum');
  const header = parseHeader(headerBytes, path);
  const data = buffer.subarray(start + headerLength);
  if (data.length !== header.dataBytes)
    throw corrupt(path, `expected ${header.dataBytes} bytes of tensors, found ${data.length}`);
  if (sha256Hex(data) !== header.sha256) throw corrupt(path, 'its tensors do not match their checksum');
  const tensors = new Map<string, TensorRecord>();
  for (const { name, shape, offset } of header.tensors) {
    const size = shape.reduce((product, n) => product * n, 1);
    if (offset + size * 4 > data.length) throw corrupt(path, `tensor "${name}" reaches beyond the end`);
    // A copy: the file's bytes need not be aligned to 4.
    const values = new Float32Array(size);
    new Uint8Array(values.buffer).set(data.subarray(offset, offset + size * 4));
    tensors.set(name, { shape, data: values });
  }
  const { stage, step, fingerprint, counters } = header;
  return { stage, step, fingerprint, counters, tensors };
}

function parseHeader(bytes: Uint8Array, path: string): z.infer<typeof headerSchema> {
  try {
    return headerSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (cause) {
    throw corrupt(path, 'its header is not the expected JSON', cause);
  }
}

function corrupt(path: string, what: string, cause?: unknown): InputError {
  return new InputError({
    code: 'CHECKPOINT_CORRUPT',
    message: `Checkpoint ${path} cannot be used: ${what}. It was cut short or changed; remove it, an older one is used instead.`,
    context: { path },
    cause,
  });
}
