import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, wrapFileError } from '@srcode/core';
import type { MetricsEvent } from './metrics.js';

// The format is small and stable: TFRecord framing (length, masked CRC32C, bytes, masked CRC32C) around the
// protobuf message `tensorflow.Event`. A protobuf library would be larger than these lines.

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0x82f63b78 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

/** CRC-32C (Castagnoli) of the bytes, as an unsigned 32-bit integer. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** TFRecord's masked form: rotated right by 15 bits, plus a constant. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** One TFRecord. */
export function encodeRecord(data: Uint8Array): Uint8Array {
  const out = Buffer.alloc(8 + 4 + data.length + 4);
  out.writeBigUInt64LE(BigInt(data.length), 0);
  out.writeUInt32LE(maskedCrc(out.subarray(0, 8)), 8);
  out.set(data, 12);
  out.writeUInt32LE(maskedCrc(data), 12 + data.length);
  return out;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) {
      bytes.push(rest);
      return bytes;
    }
    bytes.push((rest % 128) + 128);
  }
}

const delimited = (field: number, data: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.from([(field << 3) | 2, ...varint(data.length)]), data]);

/** `tensorflow.Event` with scalar values: wall_time = 1 (double), step = 2, file_version = 3, summary = 5. */
export function encodeEvent(event: {
  readonly wallTimeSeconds: number;
  readonly step: number;
  readonly fileVersion?: string;
  readonly scalars?: Readonly<Record<string, number>>;
}): Uint8Array {
  const wallTime = Buffer.alloc(9);
  wallTime[0] = (1 << 3) | 1;
  wallTime.writeDoubleLE(event.wallTimeSeconds, 1);
  const parts: Uint8Array[] = [wallTime, Buffer.from([2 << 3, ...varint(event.step)])];
  if (event.fileVersion !== undefined) parts.push(delimited(3, Buffer.from(event.fileVersion)));
  if (event.scalars !== undefined) {
    const values = Object.entries(event.scalars).map(([tag, value]) => {
      const simple = Buffer.alloc(5);
      simple[0] = (2 << 3) | 5;
      simple.writeFloatLE(value, 1);
      return delimited(1, Buffer.concat([delimited(1, Buffer.from(tag)), simple]));
    });
    parts.push(delimited(5, Buffer.concat(values)));
  }
  return Buffer.concat(parts);
}

/** Writes metrics as a TensorBoard event file, tags `<stage>/<figure>`; figures that are not finite are left out. */
export class TensorBoardWriter {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #clock: Clock;

  private constructor(path: string, file: FileHandle, clock: Clock) {
    this.path = path;
    this.#file = file;
    this.#clock = clock;
  }

  /** Opens a new file in the folder; the clock names it, as TensorBoard expects. */
  static async open(folder: string, clock: Clock): Promise<TensorBoardWriter> {
    const now = clock.now();
    const path = join(
      folder,
      `events.out.tfevents.${String(Math.floor(now / 1000)).padStart(10, '0')}.srcode`,
    );
    try {
      await mkdir(folder, { recursive: true });
      const file = await open(path, 'w');
      await file.write(
        encodeRecord(encodeEvent({ wallTimeSeconds: now / 1000, step: 0, fileVersion: 'brain.Event:2' })),
      );
      return new TensorBoardWriter(path, file, clock);
    } catch (error) {
      throw wrapFileError(error, path, 'write');
    }
  }

  async write(event: MetricsEvent): Promise<void> {
    const scalars: Record<string, number> = {};
    for (const [name, value] of Object.entries(event.metrics))
      if (Number.isFinite(value)) scalars[`${event.stage}/${name}`] = value;
    const record = encodeRecord(
      encodeEvent({ wallTimeSeconds: this.#clock.now() / 1000, step: event.step, scalars }),
    );
    try {
      await this.#file.write(record);
    } catch (error) {
      throw wrapFileError(error, this.path, 'write');
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
