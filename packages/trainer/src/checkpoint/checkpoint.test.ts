import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '@srcode/core';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Checkpoint } from './checkpoint.js';
import { decodeCheckpoint, encodeCheckpoint } from './encode-checkpoint.js';
import { createFolderCheckpointStore } from './folder-checkpoint-store.js';

const make = (step: number): Checkpoint => ({
  stage: 'sft',
  step,
  fingerprint: 'f'.repeat(64),
  counters: { tokens: 12, 'model.updates': step },
  tensors: new Map([
    ['model/b', { shape: [2, 2], data: Float32Array.from([1, -0, Number.MIN_VALUE, 3e38]) }],
    ['model/a', { shape: [], data: Float32Array.from([step]) }],
  ]),
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'srcode-checkpoint-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('encodeCheckpoint', () => {
  it('reads back bit for bit, and is the same bytes whatever order tensors are in', () => {
    const checkpoint = make(7);
    const bytes = encodeCheckpoint(checkpoint);
    const back = decodeCheckpoint(bytes, 'x');
    expect({ ...back, tensors: null }).toEqual({ ...checkpoint, tensors: null });
    for (const [name, record] of checkpoint.tensors) {
      expect(back.tensors.get(name)!.shape).toEqual(record.shape);
      expect(Buffer.from(back.tensors.get(name)!.data.buffer)).toEqual(Buffer.from(record.data.buffer));
    }
    const reversed = { ...checkpoint, tensors: new Map([...checkpoint.tensors].reverse()) };
    expect(Buffer.from(encodeCheckpoint(reversed))).toEqual(Buffer.from(bytes));
  });

  it('refuses any cut and any changed byte with a clear InputError', () => {
    const bytes = encodeCheckpoint(make(1));
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = bytes.slice();
        changed[at]! ^= flip;
        for (const bad of [changed, bytes.slice(0, at)]) {
          let error: unknown;
          try {
            decodeCheckpoint(bad, 'runs/x/step-00000001.ckpt');
          } catch (thrown) {
            error = thrown;
          }
          expect(InputError.isInstance(error)).toBe(true);
          expect((error as Error).message).toContain('runs/x/step-00000001.ckpt');
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('createFolderCheckpointStore', () => {
  it('gives back the newest, keeps two, and leaves no temporary file', async () => {
    const store = createFolderCheckpointStore(folder);
    expect(await store.loadLatest()).toEqual({ checkpoint: null, skipped: [] });
    await writeFile(join(folder, 'step-00000002.ckpt.4711.abcd.tmp'), 'half of it');
    for (const step of [1, 2, 10]) await store.save(make(step));
    expect((await store.loadLatest()).checkpoint!.step).toBe(10);
    expect((await readdir(folder)).sort()).toEqual(['step-00000002.ckpt', 'step-00000010.ckpt']);
  });

  it('passes over a damaged newest one, says so, and uses the one before', async () => {
    const store = createFolderCheckpointStore(folder);
    for (const step of [1, 2]) await store.save(make(step));
    const newest = join(folder, 'step-00000002.ckpt');
    await truncate(newest, (await readFile(newest)).length - 3);
    const { checkpoint, skipped } = await store.loadLatest();
    expect(checkpoint!.step).toBe(1);
    expect(skipped).toHaveLength(1);
    expect(skipped[0]!.message).toMatch(/step-00000002.ckpt cannot be used: expected \d+ bytes of tensors/);
  });

  it('has nothing when all are damaged', async () => {
    const store = createFolderCheckpointStore(folder);
    await writeFile(join(folder, 'step-00000001.ckpt'), 'not a checkpoint');
    const { checkpoint, skipped } = await store.loadLatest();
    expect(checkpoint).toBeNull();
    expect(skipped.map((error) => error.code)).toEqual(['CHECKPOINT_CORRUPT']);
  });
});
