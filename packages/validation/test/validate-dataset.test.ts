import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drainJob } from '@srcode/core';
import { importPairs, importPrimeVulPlusMini } from '@srcode/dataset';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Judge,
  measureAgreement,
  measureCalibration,
  type ValidationEvent,
  type ValidationInput,
  validateDataset,
  validationReportSchema,
} from '../src/index.js';
import { makeRecord, PROMPTS } from './make-record.js';

async function run(records: Iterable<ValidationInput> | AsyncIterable<ValidationInput>, options = {}) {
  const events: ValidationEvent<ValidationInput>[] = [];
  const report = await drainJob(validateDataset(records, options), (event) => events.push(event));
  return { report, events };
}

const bad = { style: 'bad', text: 'Write put_slot so that it is secure against attackers.' };

describe('validateDataset', () => {
  it('streams verdicts and adds them up', async () => {
    const records = [
      makeRecord({ id: 'a' }),
      makeRecord({ id: 'b', secure: makeRecord().vulnerable, confidence: 0.1, cwe: ['CWE-125', 'CWE-787'] }),
      makeRecord({ id: 'c', prompts: [...PROMPTS, bad], cwe: [], teacher: { model: 'm', replayed: true } }),
      makeRecord({ id: 'd', confidence: 0.2 }),
    ];
    const { report, events } = await run(records, { progressEvery: 2, total: 4 });
    expect(report).toEqual({
      total: 4,
      accepted: 2,
      rejected: 2,
      rejectedByCode: { 'low-confidence': 2, 'no-change': 1 },
      rejectedByFirstCode: { 'low-confidence': 1, 'no-change': 1 },
      warningsByCode: {},
      promptStats: {
        total: 9,
        kept: 8,
        rejectedByCode: { 'prompt-speaks-of-security': 1 },
        keptByStyle: { detailed: 4, terse: 4 },
        keptPerRecord: { 2: 4 },
      },
      cweStats: {
        'CWE-787': { total: 3, accepted: 1 },
        'CWE-125': { total: 1, accepted: 0 },
        none: { total: 1, accepted: 1 },
      },
      skippedByCheck: {},
      replayed: 1,
      judge: null,
    });
    expect(validationReportSchema.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
    expect(events.map((event) => event.type)).toEqual([
      'record',
      'record',
      'progress',
      'record',
      'record',
      'progress',
    ]);
  });

  it('holds one record at a time', async () => {
    let pulled = 0;
    let seen = 0;
    async function* source() {
      for (let index = 0; index < 20; index++) {
        pulled++;
        expect(pulled - seen).toBeLessThanOrEqual(1);
        yield makeRecord({ id: String(index) });
      }
    }
    await drainJob(validateDataset(source()), (event) => {
      if (event.type === 'record') seen++;
    });
    expect(seen).toBe(20);
  });

  it('stops on abort', async () => {
    const controller = new AbortController();
    function* source() {
      yield makeRecord();
      controller.abort();
      yield makeRecord();
    }
    await expect(run(source(), { signal: controller.signal })).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('asks the judge about what passes, and about nothing else', async () => {
    const asked: string[] = [];
    const judge: Judge = {
      name: 'fake',
      judge: async ({ id }) => {
        asked.push(id);
        return { accept: id !== 'b', confidence: 0.7, reason: 'does not look right' };
      },
    };
    const records = [
      makeRecord({ id: 'a' }),
      makeRecord({ id: 'b' }),
      makeRecord({ id: 'c', confidence: 0 }),
    ];
    const { report } = await run(records, { judge });
    expect(asked).toEqual(['a', 'b']);
    expect(report).toMatchObject({
      accepted: 1,
      judge: 'fake',
      rejectedByCode: { 'judge-rejected': 1, 'low-confidence': 1 },
    });
  });
});

describe('agreement and calibration', () => {
  it('gives the textbook figures', () => {
    const make = (accepted: boolean, correct: boolean, count: number) =>
      Array.from({ length: count }, () => ({ accepted, correct }));
    const agreement = measureAgreement([
      ...make(true, true, 20),
      ...make(true, false, 5),
      ...make(false, true, 10),
      ...make(false, false, 15),
    ]);
    expect(agreement).toMatchObject({ n: 50, agreement: 0.7, precision: 0.8 });
    expect(agreement.kappa).toBeCloseTo(0.4, 12);
    expect(measureAgreement([])).toMatchObject({ n: 0, agreement: null, precision: null, kappa: null });
  });

  it('is zero for perfect confidence and bounded by one', () => {
    expect(
      measureCalibration([
        { confidence: 1, correct: true },
        { confidence: 0, correct: false },
      ]),
    ).toMatchObject({ expectedError: 0, brier: 0 });
    expect(measureCalibration([])).toEqual({ bins: [], expectedError: null, brier: null });
    const item = fc.record({ confidence: fc.double({ min: 0, max: 1, noNaN: true }), correct: fc.boolean() });
    fc.assert(
      fc.property(fc.array(item, { minLength: 1 }), (items) => {
        const { bins, expectedError, brier } = measureCalibration(items);
        expect(bins.reduce((sum, bin) => sum + bin.n, 0)).toBe(items.length);
        for (const value of [expectedError!, brier!]) expect(value >= 0 && value <= 1).toBe(true);
      }),
    );
  });
});

const shared =
  process.env.SRCODE_SHARED_DATA ?? fileURLToPath(new URL('../../../../shared/data', import.meta.url));
const pairsPath = join(shared, 'primevul_pairs.jsonl');
const miniPath = join(shared, 'primevul_plus_mini.jsonl');

describe.runIf(existsSync(pairsPath))('real data', () => {
  it('accepts nearly all human fixes; what it turns down is cut, mispaired or changes the signature', async () => {
    async function* humanFixes() {
      for await (const func of importPairs(pairsPath))
        if (func.humanFix)
          yield {
            id: func.id,
            vulnerable: func.vulnerable,
            secure: func.humanFix,
            language: func.language,
            cwe: func.cwe,
          };
    }
    const { report } = await run(humanFixes());
    expect(report.total).toBeGreaterThan(1000);
    expect(report.accepted / report.total).toBeGreaterThan(0.95);
    const { 'parameters-changed': parameters = 0, 'return-type-changed': returns = 0 } =
      report.rejectedByFirstCode;
    expect(report.rejected - parameters - returns).toBeLessThan(0.01 * report.total);
  });

  it('turns teacher records down for the teacher’s own doubts, and keeps nearly all prompts', async () => {
    const { report } = await run(importPrimeVulPlusMini(miniPath));
    const doubts = report.rejectedByCode['low-confidence']! + report.rejectedByCode['teacher-unsettled']!;
    expect(report.rejected).toBeLessThanOrEqual(doubts);
    expect(report.promptStats.kept / report.promptStats.total).toBeGreaterThan(0.98);
    expect(report.replayed).toBe(report.total);
  });
});
