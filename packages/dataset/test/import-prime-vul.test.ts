import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MalformedLineError } from '@srcode/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ImportReport,
  importPairs,
  importPrimeVul,
  importPrimeVulPlusMini,
  primeVulPlusRecordSchema,
  type VulnerableFunction,
  vulnerableFunctionSchema,
} from '../src/index.js';
import { makeSecureCode, makeVulnerableCode } from '../src/testing/index.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'srcode-import-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

let files = 0;
async function fileOf(content: string, name = `rows-${++files}.jsonl`): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, content);
  return path;
}

async function collect<T>(
  job: AsyncGenerator<T, ImportReport>,
): Promise<{ records: T[]; report: ImportReport }> {
  const records: T[] = [];
  for (;;) {
    const step = await job.next();
    if (step.done) return { records, report: step.value };
    records.push(step.value);
  }
}

const HASH = '231061424771488704303028747772737937954';
/** A row of PrimeVul's own layout; the hash is spliced in as a bare integer. */
function row(index: number, target: 0 | 1, overrides: Record<string, unknown> = {}): string {
  const text = JSON.stringify({
    idx: 2 * index + (1 - target),
    project: 'made-up',
    commit_id: `${index}`.repeat(40).slice(0, 40),
    project_url: null,
    commit_message: 'fix it',
    target,
    func: target === 1 ? makeVulnerableCode(index) : makeSecureCode(index),
    func_hash: '@hash',
    file_name: 'a.c',
    file_hash: '@hash',
    cwe: ['CWE-787'],
    cve: 'CVE-2020-1',
    cve_desc: 'Writes past the end.',
    ...overrides,
  });
  return text.replaceAll('"@hash"', HASH);
}
const pair = (index: number, overrides: Record<string, unknown> = {}): string =>
  `${row(index, 1, overrides)}\n${row(index, 0, overrides)}\n`;

describe('importPrimeVul, paired', () => {
  it('joins rows 2k and 2k+1 whichever comes first, and keeps every digit of the hash', async () => {
    const path = await fileOf(`${pair(1)}${row(2, 0)}\n${row(2, 1)}\n`, 'sample_paired.jsonl');
    const { records, report } = await collect(importPrimeVul(path));
    expect(report).toEqual({ lines: 4, records: 2, skipped: {}, errorCount: 0, errors: [] });
    expect(records.map(({ id }) => id)).toEqual(['primevul-2', 'primevul-4']);
    for (const [i, record] of records.entries()) {
      expect(vulnerableFunctionSchema.parse(record)).toEqual(record);
      expect(record.upstreamHash).toBe(HASH);
      expect(record.vulnerable).toBe(makeVulnerableCode(i + 1));
      expect(record.humanFix).toBe(makeSecureCode(i + 1));
      expect(record.functionName).toBe(`read_item_${i + 1}`);
      expect(record.language).toBe('c');
    }
  });

  it('tells a paired file from an unpaired one by its rows', async () => {
    const paired = await collect(importPrimeVul(await fileOf(pair(1) + pair(2))));
    expect(paired.records.every(({ humanFix }) => humanFix !== null)).toBe(true);
    const unpaired = await collect(
      importPrimeVul(await fileOf(`${row(1, 1)}\n${row(2, 0)}\n${row(3, 1)}\n`)),
    );
    expect(unpaired.records.map(({ humanFix }) => humanFix)).toEqual([null, null]);
    expect(unpaired.report.skipped).toEqual({ 'not-vulnerable': 1 });
  });

  it.each([
    ['two vulnerable rows', `${row(1, 1)}\n${row(1, 1)}\n`, 'target'],
    ['different commits', `${row(1, 1)}\n${row(1, 0, { commit_id: 'other' })}\n`, 'commit_id'],
    [
      'two functions of one commit',
      `${row(1, 1)}\n${row(1, 0, { func: 'void other(int a) { return; }' })}\n`,
      'func',
    ],
    ['a lone last row', `${pair(2)}${row(1, 1)}\n`, 'target'],
  ])('does not pair %s', async (_, content, field) => {
    const path = await fileOf(content);
    await expect(collect(importPrimeVul(path, { layout: 'paired' }))).rejects.toSatisfy(
      (error: unknown) =>
        MalformedLineError.isInstance(error) &&
        error.code === 'PRIMEVUL_NOT_A_PAIR' &&
        error.context.field === field &&
        error.exitCode === 2,
    );
    const { report } = await collect(importPrimeVul(path, { layout: 'paired', onError: 'collect' }));
    expect(report.errorCount).toBe(1);
    expect(report.errors[0]!.message).toContain(`${path}:`);
  });

  it('never pairs by commit alone: pairs of one commit keep to their own rows', async () => {
    const commit = { commit_id: 'f'.repeat(40) };
    const { records } = await collect(
      importPrimeVul(await fileOf(pair(1, commit) + pair(2, commit) + pair(3, commit))),
    );
    expect(records.map(({ humanFix }) => humanFix)).toEqual([1, 2, 3].map(makeSecureCode));
    expect(new Set(records.map(({ group }) => group)).size).toBe(1);
  });

  it('lets a malformed line spoil its own pair and shift no other', async () => {
    const lines = `${pair(1)}not json\n${row(2, 0)}\n${pair(3)}`;
    const { records, report } = await collect(
      importPrimeVul(await fileOf(lines), { layout: 'paired', onError: 'collect' }),
    );
    expect(records.map(({ vulnerable }) => vulnerable)).toEqual([1, 3].map(makeVulnerableCode));
    expect(report).toMatchObject({
      lines: 6,
      records: 2,
      errorCount: 1,
      skipped: { 'partner-malformed': 1 },
    });
  });

  it('refuses every pair after a line went missing rather than pairing neighbours', async () => {
    const commit = { commit_id: 'f'.repeat(40) };
    const lines = (pair(1, commit) + pair(2, commit) + pair(3, commit)).split('\n').slice(1).join('\n');
    const { records, report } = await collect(
      importPrimeVul(await fileOf(lines), { layout: 'paired', onError: 'collect' }),
    );
    expect(records).toEqual([]);
    expect(report.errorCount).toBe(3);
  });
});

describe('importPrimeVul on bad lines', () => {
  it.each([
    ['a missing field', { func: undefined }, 'func'],
    ['an empty function', { func: ' \n' }, 'func'],
    ['a wrong target', { target: 2 }, 'target'],
    ['a target as text', { target: '1' }, 'target'],
    ['a project that is a number', { project: 7 }, 'project'],
    ['a CWE that is an object', { cwe: { id: 1 } }, 'cwe'],
    ['a hash that is a float', { func_hash: 2.31e38 }, 'func_hash'],
    ['a hash that is a word', { func_hash: 'abc' }, 'func_hash'],
    ['a function that is a list', { func: ['int'] }, 'func'],
  ])('names file, line and field for %s', async (_, overrides, field) => {
    const path = await fileOf(`${row(1, 1)}\n${row(2, 1, overrides)}\n`);
    await expect(collect(importPrimeVul(path, { layout: 'unpaired' }))).rejects.toMatchObject({
      code: 'JSONL_INVALID_RECORD',
      exitCode: 2,
      context: { path, line: 2, field },
    });
  });

  it('says that a file was cut short', async () => {
    const path = await fileOf(`${row(1, 1)}\n${row(2, 1).slice(0, 90)}`);
    await expect(collect(importPrimeVul(path, { layout: 'unpaired' }))).rejects.toMatchObject({
      code: 'JSONL_TRUNCATED',
      context: { line: 2 },
    });
    const { records, report } = await collect(
      importPrimeVul(path, { layout: 'unpaired', onError: 'collect' }),
    );
    expect(records).toHaveLength(1);
    expect(report.errors[0]!.message).toContain('cut short');
  });

  it('takes null and missing optional fields, BOM and CRLF', async () => {
    const bare = JSON.stringify({
      target: 1,
      func: 'int f(void) { return 0; }',
      project: null,
      cwe: null,
      cve: 'None',
    });
    const path = await fileOf(`\uFEFF${bare}\r\n${bare}\r\n`);
    const { records } = await collect(importPrimeVul(path, { layout: 'unpaired' }));
    expect(records[0]).toMatchObject({
      project: 'unknown',
      cwe: [],
      cve: null,
      commit: null,
      upstreamHash: null,
      language: 'c',
    });
    expect(new Set(records.map(({ id }) => id)).size).toBe(2);
  });

  it('does not let a record reach the prototype', async () => {
    const path = await fileOf(
      `{"__proto__":{"target":1},"target":1,"func":"int f(void){}","constructor":{"x":1}}\n`,
    );
    const { records } = await collect(importPrimeVul(path, { layout: 'unpaired' }));
    expect(Object.keys(records[0]!).sort()).toEqual(Object.keys(vulnerableFunctionSchema.shape).sort());
    expect(({} as Record<string, unknown>).target).toBeUndefined();
  });

  it('keeps at most 1,000 errors but counts them all', async () => {
    const path = await fileOf('nonsense\n'.repeat(1500));
    const { report } = await collect(importPrimeVul(path, { layout: 'unpaired', onError: 'collect' }));
    expect(report.errorCount).toBe(1500);
    expect(report.errors).toHaveLength(1000);
  });

  it('reports a file that is not there, and a line that is no record', async () => {
    await expect(collect(importPrimeVul(join(dir, 'none.jsonl')))).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
    });
    const path = await fileOf(`${'x'.repeat(5000)}`);
    await expect(
      collect(importPrimeVul(path, { layout: 'unpaired', maxLineBytes: 100 })),
    ).rejects.toMatchObject({
      code: 'JSONL_LINE_TOO_LONG',
    });
  });
});

describe('importPairs and importPrimeVulPlusMini', () => {
  it('reads one pair per line and ignores the file’s split', async () => {
    const line = {
      id: 'a',
      project: null,
      commit: null,
      cwe: ['CWE-787'],
      language: null,
      vulnerable: makeVulnerableCode(1),
      fixed: makeSecureCode(1),
      source: 'x',
      split: 'test',
      file: 'a.cc',
      description: 'd',
    };
    const path = await fileOf(`${JSON.stringify(line)}\n${JSON.stringify(line)}\n`);
    const { records } = await collect(importPairs(path));
    expect(
      records.map(({ id, language, split, description }) => ({ id, language, split, description })),
    ).toEqual([
      { id: 'a', language: 'cpp', split: 'train', description: 'd' },
      { id: 'a-2', language: 'cpp', split: 'train', description: 'd' },
    ]);
    const broken = await fileOf(`${JSON.stringify({ ...line, fixed: undefined })}\n`);
    await expect(collect(importPairs(broken))).rejects.toMatchObject({
      context: { line: 1, field: 'fixed' },
    });
  });

  it('takes the last reflection’s confidence and labels recorded answers as replayed', async () => {
    const line = {
      id: 'a',
      project: 'p',
      commit: 'c',
      cve: null,
      cwe: 'CWE-787',
      vulnerable: makeVulnerableCode(1),
      human_fix: null,
      teacher: 'some teacher',
      diagnosis: { cwe: 'CWE-787', root_cause: 'r', vulnerable_lines: [5] },
      repair: makeSecureCode(1),
      reflections: [
        { round: 1, verdict: 'revise', confidence: 0.4, issues: ['x'] },
        { round: 2, verdict: 'accept', confidence: 0.8, issues: [] },
      ],
      prompts: [{ style: 'terse', text: 't' }],
    };
    const { records } = await collect(importPrimeVulPlusMini(await fileOf(`${JSON.stringify(line)}\n`)));
    expect(records[0]).toMatchObject({
      confidence: 0.8,
      teacher: { model: 'some teacher', replayed: true },
      functionId: 'a',
    });
    expect(primeVulPlusRecordSchema.parse(records[0])).toEqual(records[0]);
    const broken = await fileOf(
      `${JSON.stringify({ ...line, diagnosis: { ...line.diagnosis, cwe: 'none' } })}\n`,
    );
    await expect(collect(importPrimeVulPlusMini(broken))).rejects.toMatchObject({
      context: { field: 'diagnosis.cwe' },
    });
  });
});

const shared = process.env.SRCODE_SHARED_DATA ?? join(import.meta.dirname, '../../../../shared/data');
describe.runIf(existsSync(join(shared, 'primevul_sample_paired.jsonl')))('real data', () => {
  it('imports every row of the three files without an error', async () => {
    const paired = await collect<VulnerableFunction>(
      importPrimeVul(join(shared, 'primevul_sample_paired.jsonl')),
    );
    expect(paired.report).toMatchObject({ lines: 800, records: 400, errorCount: 0 });
    expect(paired.records.every(({ upstreamHash }) => /^\d{30,40}$/.test(upstreamHash!))).toBe(true);
    const pairs = await collect(importPairs(join(shared, 'primevul_pairs.jsonl')));
    expect(pairs.report).toMatchObject({ lines: 1329, records: 1329, errorCount: 0 });
    const plus = await collect(importPrimeVulPlusMini(join(shared, 'primevul_plus_mini.jsonl')));
    expect(plus.report).toMatchObject({ lines: 280, records: 280, errorCount: 0 });
    for (const record of [...paired.records, ...pairs.records]) vulnerableFunctionSchema.parse(record);
    for (const record of plus.records) primeVulPlusRecordSchema.parse(record);
  });
});
