import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readJsonl } from '@srcode/core';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  exportDataset,
  fenceCode,
  openDataset,
  type PrimeVulPlusRecord,
  primeVulPlusRecordSchema,
  saveDataset,
} from '../src/index.js';
import { makePrimeVulPlusRecord, makeRepairPair, makeVulnerableFunction } from '../src/testing/index.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'srcode-export-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const nasty = 'char *s = "é中\u{1F600}\\n\\"";\n`` ``` \u0000 \r\n| # --- <b>';
const records: PrimeVulPlusRecord[] = [
  makePrimeVulPlusRecord(1),
  makePrimeVulPlusRecord(2, {
    split: 'test',
    cve: 'CVE-1',
    confidence: null,
    teacher: null,
    diagnosis: null,
    reflections: [],
    cwe: [],
  }),
  makePrimeVulPlusRecord(3, {
    vulnerable: nasty,
    secure: `${nasty}x`,
    prompts: [{ style: 'odd', text: nasty }],
  }),
  makePrimeVulPlusRecord(4, { prompts: [] }),
];
const source = { records: () => records };
const readParquet = async (path: string): Promise<Record<string, unknown>[]> =>
  parquetReadObjects({ file: await asyncBufferFromFile(path) });

describe('exportDataset', () => {
  it('writes verl’s columns, read back as they went in', async () => {
    const report = await exportDataset(source, {
      format: 'verl',
      out: dir,
      systemPrompt: 'Answer with code.',
      name: 'made/up',
    });
    expect(report.rows).toBe(5);
    expect(report.files.map(({ split, rows }) => [split, rows])).toEqual([
      ['train', 3],
      ['test', 2],
    ]);
    const rows = await readParquet(join(dir, 'train.parquet'));
    expect(Object.keys(rows[0]!)).toEqual(['data_source', 'prompt', 'ability', 'reward_model', 'extra_info']);
    const last = rows[2] as {
      prompt: unknown;
      reward_model: { style: string; ground_truth: string };
      extra_info: Record<string, unknown>;
    };
    expect(last.prompt).toEqual([
      { role: 'system', content: 'Answer with code.' },
      { role: 'user', content: nasty },
    ]);
    expect(last.reward_model.style).toBe('rule');
    expect(JSON.parse(last.reward_model.ground_truth)).toEqual({
      id: 'pair-3',
      vulnerable: nasty,
      secure: `${nasty}x`,
    });
    expect(last.extra_info).toMatchObject({
      split: 'train',
      index: 2n,
      pair_id: 'pair-3',
      id: 'pair-3#0',
      style: 'odd',
    });
  });

  it('writes records as nested columns, nulls and empty lists included', async () => {
    await exportDataset(source, { format: 'parquet', out: dir });
    const [test] = await readParquet(join(dir, 'test.parquet'));
    expect(test).toMatchObject({
      id: 'pair-2',
      cve: 'CVE-1',
      cwe: [],
      reflections: [],
      confidence: null,
    });
    // hyparquet leaves the key of a null struct out.
    expect([test!.diagnosis ?? null, test!.teacher ?? null]).toEqual([null, null]);
    const train = await readParquet(join(dir, 'train.parquet'));
    expect(train[0]).toMatchObject({
      cwe: ['CWE-787'],
      diagnosis: { cwe: 'CWE-787', root_cause: 'The copy does not look at n.', vulnerable_lines: [5n] },
      reflections: [{ round: 1n, verdict: 'accept', confidence: 0.9, issues: [] }],
      teacher: { model: 'made-up', replayed: true },
      prompts: records[0]!.prompts,
    });
    expect(train[1]).toMatchObject({ vulnerable: nasty, secure: `${nasty}x` });
    expect(train[2]).toMatchObject({ prompts: [] });
  });

  it('writes a Hugging Face folder whose card names splits, sizes and synthetic parts', async () => {
    await exportDataset(source, {
      format: 'hf',
      out: dir,
      name: 'made/up',
      synthetic: ['teacher: recorded answers'],
    });
    expect((await readdir(join(dir, 'data'))).sort()).toEqual([
      'test-00000-of-00001.parquet',
      'train-00000-of-00001.parquet',
    ]);
    const card = await readFile(join(dir, 'README.md'), 'utf8');
    expect(card.startsWith('---\n')).toBe(true);
    expect(card).toContain('path: "data/train-*.parquet"');
    expect(card).toContain('**Synthetic part:** teacher: recorded answers');
    expect(card).toContain('4 records in 4 groups');
    expect(await readParquet(join(dir, 'data/train-00000-of-00001.parquet'))).toHaveLength(3);
  });

  it('writes chat examples, one per prompt', async () => {
    const report = await exportDataset(source, { format: 'sft', out: dir });
    expect(report.rows).toBe(5);
    const lines = (await readFile(join(dir, 'train.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[0].messages.map(({ role }: { role: string }) => role)).toEqual(['user', 'assistant']);
    expect(lines[0].messages[1].content).toBe(`\`\`\`c\n${records[0]!.secure}\`\`\``);
    expect(lines[2].messages[1].content).toBe(fenceCode(records[2]!.secure, 'c'));
  });

  it('writes JSON Lines that read back as the records', async () => {
    await exportDataset(source, { format: 'jsonl', out: dir });
    const back: PrimeVulPlusRecord[] = [];
    for await (const record of readJsonl(join(dir, 'train.jsonl'), primeVulPlusRecordSchema))
      back.push(record);
    expect(back).toEqual(records.filter(({ split }) => split === 'train'));
  });

  it('exports functions and pairs too', async () => {
    await exportDataset(
      { records: () => [makeVulnerableFunction(1, { upstreamHash: '9'.repeat(39) })] },
      { format: 'parquet', out: dir },
    );
    expect((await readParquet(join(dir, 'train.parquet')))[0]).toMatchObject({
      upstream_hash: '9'.repeat(39),
      function_name: 'read_item_1',
    });
    await exportDataset({ records: () => [makeRepairPair(1)] }, { format: 'parquet', out: dir });
    expect((await readParquet(join(dir, 'train.parquet')))[0]).toMatchObject({ function_id: 'function-1' });
  });

  it('streams: more rows than a row group come back in order', async () => {
    const many = {
      records: () =>
        Array.from({ length: 2500 }, (_, i) =>
          makePrimeVulPlusRecord(i, { prompts: [{ style: 's', text: `p${i}` }] }),
        ),
    };
    await exportDataset(many, { format: 'verl', out: dir });
    const rows = (await readParquet(join(dir, 'train.parquet'))) as { extra_info: { index: bigint } }[];
    expect(rows.map(({ extra_info }) => Number(extra_info.index))).toEqual(
      Array.from({ length: 2500 }, (_, i) => i),
    );
  });

  it.each([
    ['nothing', [], 'DATASET_EMPTY', 'jsonl'],
    ['mixed records', [makePrimeVulPlusRecord(1), makeRepairPair(2)], 'DATASET_MIXED_RECORDS', 'jsonl'],
    ['records without prompts as verl', [makeRepairPair(1)], 'DATASET_NO_PROMPTS', 'verl'],
    ['functions as sft', [makeVulnerableFunction(1)], 'DATASET_NO_PROMPTS', 'sft'],
  ] as const)('refuses %s', async (_, list, code, format) => {
    await expect(exportDataset({ records: () => list }, { format, out: dir })).rejects.toMatchObject({
      code,
      exitCode: 2,
    });
    expect(await readdir(dir)).toEqual([]);
  });

  it('leaves the old file and no scrap when the source breaks half way', async () => {
    await exportDataset(source, { format: 'verl', out: dir });
    const before = await readFile(join(dir, 'train.parquet'));
    let pass = 0;
    const broken = {
      async *records() {
        pass++;
        yield makePrimeVulPlusRecord(1);
        if (pass > 1) throw new Error('disk gone');
      },
    };
    await expect(exportDataset(broken, { format: 'verl', out: dir })).rejects.toThrow('disk gone');
    expect(await readFile(join(dir, 'train.parquet'))).toEqual(before);
    expect((await readdir(dir)).sort()).toEqual(['test.parquet', 'train.parquet']);
  });

  it('says so when the output folder is a file', async () => {
    const path = join(dir, 'file');
    await writeFile(path, '');
    for (const format of ['jsonl', 'verl'] as const)
      await expect(exportDataset(source, { format, out: join(path, 'out') })).rejects.toMatchObject({
        exitCode: 2,
      });
  });

  it('stops when cancelled', async () => {
    await expect(
      exportDataset(source, { format: 'jsonl', out: dir, signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('fenceCode', () => {
  it('opens with more backticks than the code holds', () => {
    expect(fenceCode('a', 'c')).toBe('```c\na\n```');
    expect(fenceCode('x ```` y\n', 'cpp')).toBe('`````cpp\nx ```` y\n`````');
  });
});

describe('saveDataset and openDataset', () => {
  it('round-trips records and hashes', async () => {
    const saved = await saveDataset(dir, 'prime-vul-plus', records);
    const opened = await openDataset(dir, 'prime-vul-plus');
    expect(opened.size).toBe(4);
    expect(opened.manifest).toEqual(saved.manifest);
    const back: PrimeVulPlusRecord[] = [];
    for await (const record of opened.records()) back.push(record);
    expect(back).toEqual(records);
    await opened.verify();
    await writeFile(join(dir, 'data.jsonl'), '', { flag: 'a' });
    await opened.verify();
    await writeFile(join(dir, 'data.jsonl'), '\n', { flag: 'a' });
    await expect(opened.verify()).rejects.toMatchObject({ code: 'DATASET_INVALID_DIRECTORY' });
  });

  it.each([
    ['a repeated id', [makeVulnerableFunction(1), makeVulnerableFunction(1)], 'same id'],
    ['a record that breaks its schema', [makeVulnerableFunction(1, { cwe: ['787'] })], 'cwe'],
  ])('refuses %s and keeps the earlier dataset', async (_, list, text) => {
    await saveDataset(dir, 'functions', [makeVulnerableFunction(9)]);
    await expect(saveDataset(dir, 'functions', list)).rejects.toMatchObject({
      code: 'DATASET_INVALID_RECORD',
      message: expect.stringContaining(text),
    });
    const opened = await openDataset(dir, 'functions');
    await opened.verify();
    expect(opened.size).toBe(1);
    expect((await readdir(dir)).sort()).toEqual(['data.jsonl', 'manifest.json']);
  });

  it('refuses another kind, a folder without data, and a cut manifest', async () => {
    await saveDataset(dir, 'functions', [makeVulnerableFunction(1)]);
    await expect(openDataset(dir, 'pairs')).rejects.toMatchObject({ code: 'DATASET_INVALID_DIRECTORY' });
    await expect(openDataset(join(dir, 'none'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    const manifest = await readFile(join(dir, 'manifest.json'), 'utf8');
    await writeFile(join(dir, 'manifest.json'), manifest.slice(0, 40));
    await expect(openDataset(dir)).rejects.toMatchObject({ code: 'MANIFEST_INVALID' });
    await writeFile(join(dir, 'manifest.json'), manifest);
    await rm(join(dir, 'data.jsonl'));
    await expect(openDataset(dir)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it('throws at the malformed line of a damaged data file, or hands it over', async () => {
    const opened = await saveDataset(dir, 'functions', [
      makeVulnerableFunction(1),
      makeVulnerableFunction(2),
    ]);
    const data = await readFile(join(dir, 'data.jsonl'), 'utf8');
    await writeFile(join(dir, 'data.jsonl'), data.slice(0, -30));
    await expect(async () => {
      for await (const _ of opened.records()) void _;
    }).rejects.toMatchObject({ code: 'JSONL_TRUNCATED', context: { line: 2 } });
    const lines: unknown[] = [];
    for await (const _ of opened.records({ onError: (error) => lines.push(error.context.line) })) void _;
    expect(lines).toEqual([2]);
  });
});
