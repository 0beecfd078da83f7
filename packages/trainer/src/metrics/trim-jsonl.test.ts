import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toMetricsRecord } from './metrics.js';
import { trimJsonl } from './trim-jsonl.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'srcode-metrics-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const line = (stage: string, step: number) =>
  JSON.stringify(toMetricsRecord({ type: 'metrics', stage, step, metrics: { loss: 1 } }));

describe('trimJsonl', () => {
  it('drops the steps of the resumed stage that will be done again, and a torn last line', async () => {
    const path = join(folder, 'metrics.jsonl');
    const kept = [line('pretrain', 0), line('pretrain', 5), line('sft', 0), line('sft', 1)];
    await writeFile(path, `${[...kept, line('sft', 2), line('sft', 3)].join('\n')}\n{"step":4,"sta`);
    expect(await trimJsonl(path, { stage: 'sft', step: 2 })).toBe(3);
    expect(await readFile(path, 'utf8')).toBe(`${kept.join('\n')}\n`);
    expect(await trimJsonl(path, { stage: 'sft', step: 2 })).toBe(0);
  });

  it('treats lines without a stage as rollouts', async () => {
    const path = join(folder, 'rollouts.jsonl');
    await writeFile(path, '{"step":0,"pairId":"a"}\n{"step":1,"pairId":"b"}\n');
    expect(await trimJsonl(path, { stage: null, step: 1 })).toBe(1);
    expect(await readFile(path, 'utf8')).toBe('{"step":0,"pairId":"a"}\n');
  });

  it('has nothing to do without a file', async () => {
    expect(await trimJsonl(join(folder, 'none.jsonl'), { stage: 'sft', step: 0 })).toBe(0);
  });
});

describe('toMetricsRecord', () => {
  it('is the line of the run folder, with null for what is not a finite number', () => {
    const record = toMetricsRecord({
      type: 'metrics',
      stage: 'ppo',
      step: 3,
      metrics: { kl: 0.5, loss: Number.NaN },
    });
    expect(JSON.stringify(record)).toBe('{"step":3,"stage":"ppo","metrics":{"kl":0.5,"loss":null}}');
  });
});
