import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Rng } from '@srcode/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assignSplits,
  checkLeakage,
  computeStats,
  deduplicate,
  groupRecords,
  importPairs,
  type VulnerableFunction,
} from '../src/index.js';
import {
  makePrimeVulPlusRecord,
  makeSecureCode,
  makeVulnerableCode,
  makeVulnerableFunction,
} from '../src/testing/index.js';

/** A function long enough that one changed line leaves it a near-duplicate; different words for each seed. */
const longCode = (seed: number, extra = ''): string =>
  `int f_${seed}(struct s_${seed} *p)\n{\n${Array.from({ length: 30 }, (_, i) => `\tp->a${i} = g_${seed}_${i}(p, ${i});`).join('\n')}\n${extra}\treturn 0;\n}\n`;

describe('deduplicate', () => {
  it('drops a copy that differs in comments and layout', () => {
    const twin = makeVulnerableFunction(1, {
      id: 'twin',
      vulnerable: `/* copy */\n${makeVulnerableCode(1).replaceAll('\t', '  ')}`,
    });
    const { kept, dropped } = deduplicate([makeVulnerableFunction(1), twin, makeVulnerableFunction(2)]);
    expect(kept.map(({ id }) => id)).toEqual(['function-1', 'function-2']);
    expect(dropped).toEqual([{ id: 'twin', duplicateOf: 'function-1', reason: 'exact', similarity: 1 }]);
  });

  it('keeps the copy that has a fix', () => {
    const bare = makeVulnerableFunction(1, { id: 'bare', humanFix: null });
    const { kept, dropped } = deduplicate([bare, makeVulnerableFunction(1)]);
    expect(kept.map(({ id }) => id)).toEqual(['function-1']);
    expect(dropped[0]).toMatchObject({ id: 'bare', duplicateOf: 'function-1' });
  });

  it('drops a near-duplicate with the same change and keeps one repaired for another flaw', () => {
    const check = (index: number) => `\tif (p->a${index} < 0)\n\t\treturn -1;\n`;
    const first = makeVulnerableFunction(1, { vulnerable: longCode(1), humanFix: longCode(1, check(3)) });
    const near = makeVulnerableFunction(2, {
      vulnerable: longCode(1).replace('return 0', 'return 00'),
      humanFix: longCode(1, check(3)).replace('return 0', 'return 00'),
    });
    const otherFlaw = makeVulnerableFunction(3, {
      vulnerable: longCode(1),
      humanFix: longCode(1, '\tmutex_unlock(&p->lock);\n\tkfree(p->buffer);\n'),
    });
    const { kept, dropped } = deduplicate([first, near, otherFlaw]);
    expect(kept.map(({ id }) => id)).toEqual(['function-1', 'function-3']);
    expect(dropped).toMatchObject([{ id: 'function-2', duplicateOf: 'function-1', reason: 'near' }]);
    expect(deduplicate([first, near], { near: false }).kept).toHaveLength(2);
  });

  it('accounts for every record once', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 30 }), (seeds) => {
        const records = seeds.map((seed, i) =>
          makeVulnerableFunction(i, { vulnerable: longCode(seed), humanFix: longCode(seed, '\tx();\n') }),
        );
        const { kept, dropped } = deduplicate(records);
        expect([...kept, ...dropped].map(({ id }) => id).sort()).toEqual(records.map(({ id }) => id).sort());
        expect(kept).toHaveLength(new Set(seeds).size);
        const ids = new Set(kept.map(({ id }) => id));
        for (const { duplicateOf } of dropped) expect(ids.has(duplicateOf)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});

describe('groupRecords', () => {
  it('joins by commit, by equal text, and where one record’s fix is another’s flaw', () => {
    const records = [
      makeVulnerableFunction(1, { commit: 'x', vulnerable: longCode(1), humanFix: longCode(1, '\ta();\n') }),
      makeVulnerableFunction(2, { commit: 'x', vulnerable: longCode(2), humanFix: null }),
      makeVulnerableFunction(3, {
        commit: 'y',
        vulnerable: longCode(1, '\ta();\n'),
        humanFix: longCode(1, '\ta();\n\tb();\n'),
      }),
      makeVulnerableFunction(4, { commit: 'y', project: 'other', vulnerable: longCode(4), humanFix: null }),
      makeVulnerableFunction(5, { commit: null, vulnerable: longCode(5), humanFix: null }),
      makeVulnerableFunction(6, { commit: null, vulnerable: longCode(6), humanFix: null }),
    ];
    const [a, b, c, d, e, f] = groupRecords(records);
    expect(new Set([a, b, c]).size).toBe(1);
    expect(new Set([a, d, e, f]).size).toBe(4);
  });

  it('knows a full commit hash under another project name', () => {
    const commit = 'a1'.repeat(20);
    const [a, b] = groupRecords([
      makeVulnerableFunction(1, { project: 'linux', commit, vulnerable: longCode(1), humanFix: null }),
      makeVulnerableFunction(2, {
        project: 'linux-2.6',
        commit: commit.toUpperCase(),
        vulnerable: longCode(2),
        humanFix: null,
      }),
    ]);
    expect(a).toBe(b);
  });
});

/** Records with commits shared at random and functions copied at random. */
const corpus = fc
  .array(
    fc.record({ commit: fc.option(fc.integer({ min: 0, max: 12 })), code: fc.integer({ min: 0, max: 25 }) }),
    { minLength: 1, maxLength: 60 },
  )
  .map((rows) =>
    rows.map(({ commit, code }, i) =>
      makeVulnerableFunction(i, {
        id: `r${i}`,
        commit: commit === null ? null : `c${commit}`,
        vulnerable: longCode(code),
        humanFix: longCode(code, '\tz();\n'),
      }),
    ),
  );

describe('assignSplits', () => {
  it('leaks nothing, whatever commits and copies there are', () => {
    fc.assert(
      fc.property(corpus, fc.integer(), (records, seed) => {
        const split = assignSplits(records, { rng: Rng.fromSeed(seed) });
        const report = checkLeakage(split);
        expect(report.counts).toEqual({ id: 0, group: 0, commit: 0, 'exact-text': 0, 'near-text': 0 });
        expect(report.ok).toBe(true);
        expect(split.map(({ id }) => id)).toEqual(records.map(({ id }) => id));
      }),
      { numRuns: 40 },
    );
  });

  it('depends on records and seed, not on the records’ order', () => {
    fc.assert(
      fc.property(corpus, (records) => {
        const byId = (list: readonly VulnerableFunction[]) =>
          new Map(list.map(({ id, split, group }) => [id, `${split} ${group}`]));
        const one = byId(assignSplits(records, { rng: Rng.fromSeed(7) }));
        const two = byId(assignSplits(Rng.fromSeed(1).shuffle(records), { rng: Rng.fromSeed(7) }));
        for (const [id, value] of one) expect(two.get(id)).toBe(value);
      }),
      { numRuns: 20 },
    );
  });

  it('keeps the ratios as closely as groups allow, and differs by seed', () => {
    const records = Array.from({ length: 200 }, (_, i) =>
      makePrimeVulPlusRecord(i, { vulnerable: longCode(i), secure: longCode(i, '\tk();\n') }),
    );
    const one = assignSplits(records, { rng: Rng.fromSeed(1), ratios: { train: 7, validation: 1, test: 2 } });
    expect(checkLeakage(one).splitCounts).toEqual({ train: 140, validation: 20, test: 40 });
    const two = assignSplits(records, { rng: Rng.fromSeed(2), ratios: { train: 7, validation: 1, test: 2 } });
    expect(two.map(({ split }) => split)).not.toEqual(one.map(({ split }) => split));
  });

  it('uses no split with ratio 0 and refuses nonsense', () => {
    const records = Array.from({ length: 10 }, (_, i) =>
      makeVulnerableFunction(i, { vulnerable: longCode(i), humanFix: null }),
    );
    const split = assignSplits(records, {
      rng: Rng.fromSeed(1),
      ratios: { train: 1, validation: 0, test: 1 },
    });
    expect(checkLeakage(split).splitCounts).toEqual({ train: 5, validation: 0, test: 5 });
    for (const ratios of [
      { train: 0, validation: 0, test: 0 },
      { train: -1, validation: 1, test: 1 },
      { train: Number.NaN, validation: 1, test: 1 },
    ])
      expect(() => assignSplits(records, { rng: Rng.fromSeed(1), ratios })).toThrow(/split ratios/);
    expect(assignSplits([], { rng: Rng.fromSeed(1) })).toEqual([]);
  });
});

describe('checkLeakage', () => {
  it('finds what crosses, and says why', () => {
    const records = [
      makeVulnerableFunction(1, { vulnerable: longCode(1), humanFix: null, commit: 'x', split: 'train' }),
      makeVulnerableFunction(2, { vulnerable: longCode(2), humanFix: null, commit: 'x', split: 'test' }),
      makeVulnerableFunction(3, { vulnerable: longCode(3), humanFix: null, split: 'train' }),
      makeVulnerableFunction(4, {
        vulnerable: longCode(9),
        humanFix: `// note\n${longCode(3)}`,
        split: 'validation',
      }),
      makeVulnerableFunction(5, { vulnerable: longCode(3, '\tq();\n'), humanFix: null, split: 'test' }),
      makeVulnerableFunction(6, { id: 'function-1', vulnerable: longCode(6), humanFix: null, split: 'test' }),
    ];
    const report = checkLeakage(records);
    expect(report.ok).toBe(false);
    expect(report.counts).toMatchObject({ id: 1, commit: 1, 'exact-text': 1 });
    expect(report.counts['near-text']).toBeGreaterThanOrEqual(2);
    expect(report.cases.find(({ reason }) => reason === 'commit')).toMatchObject({
      a: { id: 'function-1' },
      b: { id: 'function-2' },
    });
  });

  it('does not trust the group field', () => {
    const records = [1, 2].map((i) =>
      makeVulnerableFunction(i, {
        vulnerable: longCode(1),
        humanFix: null,
        split: i === 1 ? 'train' : 'test',
      }),
    );
    expect(checkLeakage(records).counts['exact-text']).toBe(1);
  });
});

describe('computeStats', () => {
  it('counts what is there', async () => {
    const stats = await computeStats([
      makePrimeVulPlusRecord(1),
      makePrimeVulPlusRecord(2, { cwe: [], language: 'cpp', split: 'test', confidence: 0.5, cve: 'CVE-1' }),
      makePrimeVulPlusRecord(3, {
        secure: makeSecureCode(3).replace('memcpy', 'memmove'),
        teacher: { model: 'live', replayed: false },
      }),
    ]);
    expect(stats).toMatchObject({
      records: 3,
      groups: 3,
      splits: { train: 2, test: 1 },
      languages: { c: 2, cpp: 1 },
      cwes: { 'CWE-787': 2 },
      withoutCwe: 1,
      withCve: 1,
      projects: { 'made-up': 3 },
      teachers: { 'made-up (replayed)': 2, live: 1 },
      prompts: { total: 6, styles: { scenario: 3, terse: 3 } },
    });
    expect(stats.changes.shapes).toEqual({
      'insertion-only': 2,
      'deletion-only': 0,
      replacement: 1,
      none: 0,
    });
    expect(stats.changes.linesAdded).toMatchObject({ median: 2, max: 3 });
    expect(stats.changes.tokensAdded).toMatchObject({ min: 10, max: 11 });
    expect(stats.confidence).toMatchObject({ count: 3, min: 0.5, median: 0.9 });
  });

  it('is empty without records and takes a stream', async () => {
    async function* none(): AsyncGenerator<VulnerableFunction> {}
    expect(await computeStats(none())).toMatchObject({
      records: 0,
      lines: null,
      confidence: null,
      prompts: { total: 0 },
    });
    expect(await computeStats([makeVulnerableFunction(1, { humanFix: null })])).toMatchObject({
      changes: { records: 0 },
    });
  });
});

const shared = process.env.SRCODE_SHARED_DATA ?? join(import.meta.dirname, '../../../../shared/data');
describe.runIf(existsSync(join(shared, 'primevul_pairs.jsonl')))('real data', () => {
  it('splits 1,329 real pairs without leakage', async () => {
    const records: VulnerableFunction[] = [];
    for await (const record of importPairs(join(shared, 'primevul_pairs.jsonl'))) records.push(record);
    const { kept, dropped } = deduplicate(records);
    expect(kept.length + dropped.length).toBe(1329);
    expect(kept.length).toBeGreaterThan(1290);
    const split = assignSplits(kept, { rng: Rng.fromSeed(1) });
    const report = checkLeakage(split);
    expect(report.ok).toBe(true);
    expect(report.splitCounts.train / kept.length).toBeCloseTo(0.8, 2);
    const stats = await computeStats(split);
    expect(stats.changes.shapes['insertion-only'] / kept.length).toBeGreaterThan(0.4);
  });
});
