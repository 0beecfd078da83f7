import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixedClock } from '@srcode/core';
import { describe, expect, it } from 'vitest';
import { crc32c, encodeEvent, TensorBoardWriter } from './tensorboard.js';

/** Reads TFRecords back, checking every checksum. */
function readRecords(file: Buffer): Buffer[] {
  const unmask = (masked: number) => {
    const rotated = (masked - 0xa282ead8) >>> 0;
    return ((rotated >>> 17) | (rotated << 15)) >>> 0;
  };
  const records: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    expect(unmask(file.readUInt32LE(at + 8))).toBe(crc32c(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(unmask(file.readUInt32LE(at + 12 + length))).toBe(crc32c(data));
    records.push(data);
    at += 12 + length + 4;
  }
  return records;
}

describe('crc32c', () => {
  it('matches the check value of the standard (RFC 3720, B.4)', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
  });
});

describe('encodeEvent', () => {
  it('is the protobuf wire format, worked out by hand', () => {
    const bytes = encodeEvent({ wallTimeSeconds: 1, step: 300, scalars: { a: 1 } });
    expect(Buffer.from(bytes).toString('hex')).toBe(
      // wall_time 1.0 | step 300 | summary(10) { value(8) { tag "a", simple_value 1.0f } }
      `09000000000000f03f10ac022a0a0a08${'0a0161'}${'150000803f'}`,
    );
  });
});

describe('TensorBoardWriter', () => {
  it('writes a version record and one record per step, all checksums right', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'srcode-tb-'));
    try {
      const writer = await TensorBoardWriter.open(folder, fixedClock(1_700_000_000_000));
      await writer.write({ type: 'metrics', stage: 'sft', step: 1, metrics: { loss: 2, bad: Number.NaN } });
      await writer.close();
      expect(writer.path).toContain('events.out.tfevents.1700000000.srcode');
      const records = readRecords(await readFile(writer.path));
      expect(records).toHaveLength(2);
      expect(records[0]!.includes('brain.Event:2')).toBe(true);
      expect(records[1]!.includes('sft/loss')).toBe(true);
      expect(records[1]!.includes('sft/bad')).toBe(false);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
