import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError, Rng } from '@srcode/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BenchmarkInputError } from './errors.js';
import { readResults, writeResults } from './results-file.js';
import type { BenchmarkResults } from './schemas.js';
import { summarizeArm } from './statistics/summarize-arm.js';
import { createResult } from './testing/index.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'srcode-results-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const results: BenchmarkResults = {
  preset: 'tiny',
  backend: 'wasm',
  teacher: { model: 'srcode-scenario-corpus', replayed: true },
  arms: [
    summarizeArm([createResult(), createResult({ taskId: 'b', family: 'other' })], { rng: Rng.fromSeed(1) }),
  ],
};

describe('results.json', () => {
  it('comes back as it was written, extra fields included', async () => {
    const path = join(folder, 'run', 'results.json');
    await writeResults(path, { ...results, note: 'kept' });
    expect(await readResults(path)).toEqual({ ...results, note: 'kept' });
  });

  it('is not written when it is wrong, and names the field when it is read wrong', async () => {
    const path = join(folder, 'bad.json');
    const bad = { ...results, arms: [{ ...results.arms[0]!, secureRate: 1.5 }] };
    await expect(writeResults(path, bad)).rejects.toThrow('arms.0.secureRate');
    await expect(readResults(path)).rejects.toThrow(InputError);
    await writeFile(path, JSON.stringify(bad));
    await expect(readResults(path)).rejects.toThrow('arms.0.secureRate');
    await writeFile(path, '{"preset": "ti');
    await expect(readResults(path)).rejects.toThrow(BenchmarkInputError);
  });
});
