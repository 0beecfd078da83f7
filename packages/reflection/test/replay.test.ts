import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drainJob } from '@srcode/core';
import { withTemporaryFolder } from '@srcode/core/testing';
import type { VulnerableFunction } from '@srcode/dataset';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createReplayServer,
  createTeacherClient,
  diagnoseStage,
  type ReflectionRecord,
  type ReplayServer,
  readTeacherRecords,
  reflectFunction,
  runReflection,
  toTeacherView,
} from '../src/index.js';
import { makeFunction } from './helpers/make-function.js';

let server: ReplayServer | null = null;

afterEach(async () => {
  await server?.close();
  server = null;
});

function makeRecord(index: number, changes: Partial<ReflectionRecord> = {}): ReflectionRecord {
  const { id, project, commit, cve, cwe, language, vulnerable, humanFix, group, split } = makeFunction(index);
  return {
    ...{ id, functionId: id, project, commit, cve, cwe, language, vulnerable, humanFix, group, split },
    secure: vulnerable.replace('{', '{\n  if (n > 7) return -1;'),
    diagnosis: { cwe: 'CWE-787', rootCause: 'unchecked', vulnerableLines: [3] },
    reflections: [{ round: 1, verdict: 'accept', confidence: 0.8, issues: ['fine'] }],
    confidence: 0.8,
    teacher: { model: 'recorded-teacher', replayed: false },
    prompts: [{ style: 'terse', text: 'Store a value.' }],
    votes: [],
    ...changes,
  };
}

const revise = (round: number) => ({
  round,
  verdict: 'revise' as const,
  confidence: 0.4,
  issues: [`i${round}`],
});
const accept = (round: number) => ({
  round,
  verdict: 'accept' as const,
  confidence: 0.7,
  issues: [`i${round}`],
});

async function start(records: readonly ReflectionRecord[]) {
  server = await createReplayServer({ records, label: 'test records' });
  return createTeacherClient({ baseUrl: server.baseUrl, model: server.model, retries: 0 });
}

describe('the replay server', () => {
  it('gives back what was recorded, and marks the record as replayed because the answers say so', async () => {
    const client = await start([makeRecord(1), makeRecord(2)]);
    const record = await reflectFunction(makeFunction(1), { client });
    expect(record).toMatchObject({
      secure: makeRecord(1).secure,
      diagnosis: makeRecord(1).diagnosis,
      reflections: makeRecord(1).reflections,
      prompts: makeRecord(1).prompts,
      confidence: 0.8,
      teacher: { model: 'replay:recorded-teacher', replayed: true },
    });
    expect(record.votes).toEqual([{ verdict: 'accept', confidence: 0.8 }]);
  });

  it('replays rounds in their recorded order, whatever is asked at the same time', async () => {
    const records = [
      makeRecord(1, { reflections: [revise(1), revise(2), accept(3)] }),
      makeRecord(2, { reflections: [revise(1), accept(2)] }),
      makeRecord(3, { reflections: [accept(1)] }),
    ];
    const client = await start(records);
    const replayed = await Promise.all(
      [1, 2, 3, 1, 2].map((index) => reflectFunction(makeFunction(index), { client })),
    );
    expect(replayed.map(({ reflections }) => reflections)).toEqual(
      [0, 1, 2, 0, 1].map((index) => records[index]!.reflections),
    );
  });

  it('ends where the recording ends, with the last recorded verdict', async () => {
    const client = await start([makeRecord(1, { reflections: [revise(1), revise(2)] })]);
    const record = await reflectFunction(makeFunction(1), { client, maxRounds: 5 });
    expect(record.reflections).toEqual([revise(1), revise(2)]);
    expect(record.prompts).toHaveLength(1);
  });

  it('replays recorded votes', async () => {
    const votes = [
      { verdict: 'accept' as const, confidence: 0.8 },
      { verdict: 'accept' as const, confidence: 0.6 },
    ];
    const client = await start([makeRecord(1, { votes })]);
    const record = await reflectFunction(makeFunction(1), { client, votes: 5 });
    expect(record.votes).toEqual(votes);
    expect(record.confidence).toBe(0.7);
  });

  it('finds a function whose whitespace and comments changed', async () => {
    const client = await start([makeRecord(1)]);
    const vulnerable = `/* moved */ ${makeFunction(1).vulnerable.replaceAll('\n', '\n\t')}`;
    await expect(reflectFunction(makeFunction(1, { vulnerable }), { client })).resolves.toMatchObject({
      teacher: { replayed: true },
    });
  });

  it('keeps apart functions that differ in one name', async () => {
    const client = await start([makeRecord(1)]);
    const vulnerable = makeFunction(1).vulnerable.replaceAll('slots', 'places');
    await expect(reflectFunction(makeFunction(1, { vulnerable }), { client })).rejects.toMatchObject({
      code: 'NO_RECORDED_ANSWER',
    });
  });

  it('counts a function without a record as no-record', async () => {
    const client = await start([makeRecord(1)]);
    await withTemporaryFolder(async (folder) => {
      const functions = [makeFunction(1), makeFunction(2), makeFunction(3)];
      const summary = await drainJob(runReflection({ functions, client, outPath: join(folder, 'o.jsonl') }));
      expect(summary).toMatchObject({
        finished: 1,
        failedByCode: { 'no-record': 2 },
        teachers: { 'replay:recorded-teacher (replayed)': 1 },
      });
    });
  });

  it('says what it is in every response', async () => {
    await start([makeRecord(1)]);
    const messages = diagnoseStage.buildMessages(toTeacherView(makeFunction(1)));
    const post = (body: unknown) =>
      fetch(`${server!.baseUrl}/chat/completions`, { method: 'POST', body: JSON.stringify(body) });
    const good = await post({ model: 'any', messages });
    expect(good.headers.get('x-srcode-replayed')).toBe('1');
    expect(await good.json()).toMatchObject({
      model: 'replay:recorded-teacher',
      system_fingerprint: 'srcode-replay',
      usage: { total_tokens: 0 },
    });
    const unknown = await post({ messages: diagnoseStage.buildMessages(toTeacherView(makeFunction(9))) });
    expect(unknown.status).toBe(404);
    expect(unknown.headers.get('x-srcode-replayed')).toBe('1');
    expect(await unknown.json()).toMatchObject({ error: { code: 'no_recorded_answer', param: 'function' } });
    const foreign = await post({ messages: [{ role: 'user', content: 'hi' }] });
    expect(await foreign.json()).toMatchObject({ error: { code: 'no_recorded_answer', param: 'request' } });
    for (const bad of [await post({ messages: 3 }), await post({ messages, stream: true })]) {
      expect(bad.status).toBe(400);
      expect(bad.headers.get('x-srcode-replayed')).toBe('1');
    }
    const models = await (await fetch(`${server!.baseUrl}/models`)).json();
    expect(models).toMatchObject({ data: [{ id: 'replay:recorded-teacher' }] });
    const missing = await fetch(`${server!.baseUrl}/other`);
    expect([missing.status, missing.headers.get('x-srcode-replayed')]).toEqual([404, '1']);
  });

  it('listens on the loopback interface alone, and names a taken port', async () => {
    await start([makeRecord(1)]);
    expect(server!.baseUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1$/);
    const port = Number(new URL(server!.baseUrl).port);
    await expect(createReplayServer({ records: [makeRecord(1)], label: 'x', port })).rejects.toMatchObject({
      code: 'REPLAY_PORT_TAKEN',
      exitCode: 2,
    });
  });

  it('refuses to start without records', async () => {
    await expect(createReplayServer({ records: [], label: 'empty.jsonl' })).rejects.toThrow(/empty\.jsonl/);
  });
});

const raw = {
  ...{ id: 'r1', project: 'p', commit: 'c', cve: null, cwe: ['CWE-787'], language: 'c', func_name: 'f' },
  ...{ vulnerable: 'int f(void) { return 1; }', human_fix: 'int f(void) { return 0; }', teacher: 'someone' },
  ...{
    diagnosis: { cwe: 'CWE-787', root_cause: 'x', vulnerable_lines: [1] },
    repair: 'int f(void) { return 2; }',
  },
  ...{ reflections: [accept(1)], prompts: [{ style: 'terse', text: 'return one' }] },
};

describe('readTeacherRecords', () => {
  const collect = async (path: string, onError?: (error: Error) => void) => {
    const records: ReflectionRecord[] = [];
    for await (const record of readTeacherRecords(path, onError ? { onError } : {})) records.push(record);
    return records;
  };

  it('reads both layouts', async () => {
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'a.jsonl');
      await writeFile(path, `${JSON.stringify(raw)}\n`);
      expect((await collect(path))[0]).toMatchObject({
        secure: raw.repair,
        teacher: { model: 'someone' },
        votes: [],
      });
      const { votes: _votes, ...ours } = makeRecord(1);
      await writeFile(path, `${JSON.stringify(ours)}\n${JSON.stringify(makeRecord(2))}\n`);
      expect((await collect(path)).map(({ id }) => id)).toEqual(['f1', 'f2']);
      await writeFile(path, '');
      expect(await collect(path)).toEqual([]);
    });
  });

  it('names file, line and field of a bad line, or collects and goes on', async () => {
    await withTemporaryFolder(async (folder) => {
      for (const good of [raw, makeRecord(1)]) {
        const path = join(folder, 'a.jsonl');
        await writeFile(path, `${JSON.stringify(good)}\n${JSON.stringify({ ...good, prompts: 3 })}\n`);
        await expect(collect(path)).rejects.toThrow(/a\.jsonl:2: .*prompts/);
        const errors: Error[] = [];
        expect(await collect(path, (error) => errors.push(error))).toHaveLength(1);
        expect(errors).toHaveLength(1);
      }
      await expect(collect(join(folder, 'none.jsonl'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    });
  });
});

const shared =
  process.env.SRCODE_SHARED_DATA ?? fileURLToPath(new URL('../../../../shared/data', import.meta.url));
const miniPath = join(shared, 'primevul_plus_mini.jsonl');

it.runIf(existsSync(miniPath))('replays every real recording to what was recorded', async () => {
  const records: ReflectionRecord[] = [];
  for await (const record of readTeacherRecords(miniPath)) records.push(record);
  const client = await start(records);
  const functions: VulnerableFunction[] = records.map((record, index) =>
    makeFunction(index, {
      id: record.id,
      vulnerable: record.vulnerable,
      cwe: record.cwe,
      language: record.language,
    }),
  );
  const replayed = new Map<string, ReflectionRecord>();
  await withTemporaryFolder(async (folder) => {
    const job = runReflection({ functions, client, outPath: join(folder, 'o.jsonl'), concurrency: 8 });
    const summary = await drainJob(job, (event) => {
      if (event.type === 'function-end') replayed.set(event.record.id, event.record);
    });
    expect(summary).toMatchObject({ finished: records.length, failed: 0 });
  });
  for (const record of records) {
    const again = replayed.get(record.id)!;
    expect(again.secure).toBe(record.secure);
    expect(again.reflections).toEqual(record.reflections);
    expect(again.prompts).toEqual(record.prompts);
    const last = record.reflections.at(-1)!;
    if (last.verdict === 'accept') expect(again.confidence).toBeCloseTo(last.confidence, 6);
  }
});
