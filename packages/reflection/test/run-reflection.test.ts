import { spawn } from 'node:child_process';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drainJob } from '@srcode/core';
import { withTemporaryFolder } from '@srcode/core/testing';
import { primeVulPlusRecordSchema, type VulnerableFunction } from '@srcode/dataset';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createTeacherClient,
  failuresPathFor,
  type ReflectionEvent,
  type RunReflectionOptions,
  reflectionFailureSchema,
  runReflection,
} from '../src/index.js';
import {
  answerAsTeacher,
  createFakeOpenAi,
  type FakeOpenAi,
  type FakeOpenAiOptions,
  type FakeRequest,
} from '../src/testing/index.js';
import { makeFunction, makeFunctions } from './helpers/make-function.js';

let server: FakeOpenAi | null = null;

afterEach(async () => {
  await server?.close();
  server = null;
});

async function startTeacher(reply: FakeOpenAiOptions['reply'] = (request) => answerAsTeacher(request)) {
  server = await createFakeOpenAi({ reply });
  return createTeacherClient({
    baseUrl: server.baseUrl,
    apiKey: 'sk-secret-secret',
    model: 'm',
    retries: 1,
    retryDelayMs: 1,
    timeoutMs: 2000,
    price: { inputPerMillion: 1, outputPerMillion: 1 },
  });
}

async function readLinesOf(path: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function run(options: RunReflectionOptions) {
  const events: ReflectionEvent[] = [];
  const summary = await drainJob(runReflection(options), (event) => events.push(event));
  const records = await readLinesOf(options.outPath);
  const failures = await readLinesOf(options.failuresPath ?? failuresPathFor(options.outPath));
  return { summary, events, records, failures };
}

const asksFor = (request: FakeRequest, name: string) => request.text.includes(`${name}(`);

describe('records', () => {
  it('are valid PrimeVul+ records with diagnosis, repair, reflection, votes and prompts', async () => {
    const client = await startTeacher();
    await withTemporaryFolder(async (folder) => {
      const { records, summary, events } = await run({
        functions: makeFunctions(3),
        client,
        outPath: join(folder, 'out.jsonl'),
        total: 3,
      });
      expect(records.map(({ id }) => id).sort()).toEqual(['f0', 'f1', 'f2']);
      for (const record of records) {
        const parsed = primeVulPlusRecordSchema.parse(record);
        expect(parsed).toMatchObject({ confidence: 0.9, teacher: { model: 'm', replayed: false } });
        expect(parsed.secure).toContain('if (n > 8)');
        expect(record.votes).toHaveLength(3);
      }
      expect(summary).toMatchObject({
        finished: 3,
        failed: 0,
        prompts: 6,
        stoppedBy: 'end',
        teachers: { m: 3 },
      });
      // diagnose, repair, reflect, two votes, prompts
      expect(summary.usage.requests).toBe(18);
      expect(events.at(-1)).toMatchObject({ type: 'progress', completed: 3, total: 3 });
    });
  });

  it('do not depend on order or concurrency, and requests are the same every time', async () => {
    const functions = makeFunctions(6);
    const results: unknown[] = [];
    const bodies: string[][] = [];
    for (const [list, concurrency] of [
      [functions, 1],
      [[...functions].reverse(), 5],
    ] as const) {
      const client = await startTeacher();
      await withTemporaryFolder(async (folder) => {
        const { records } = await run({
          functions: list,
          client,
          outPath: join(folder, 'o.jsonl'),
          concurrency,
        });
        results.push(records.sort((a, b) => String(a.id).localeCompare(String(b.id))));
      });
      bodies.push(server!.requests.map(({ text }) => text).sort());
      await server!.close();
    }
    expect(results[0]).toEqual(results[1]);
    expect(bodies[0]).toEqual(bodies[1]);
  });

  it('never show the teacher the human fix or the commit message', async () => {
    const client = await startTeacher((request) =>
      answerAsTeacher(request, { verdicts: ['revise', 'accept'] }),
    );
    await withTemporaryFolder(async (folder) => {
      const { records } = await run({
        functions: makeFunctions(4),
        client,
        outPath: join(folder, 'o.jsonl'),
      });
      expect(server!.requests.length).toBeGreaterThan(20);
      for (const { text } of server!.requests) {
        expect(text).not.toContain('HUMAN-FIX-MARK');
        expect(text).not.toContain('COMMIT-MESSAGE-MARK');
      }
      for (const record of records) expect(record.humanFix).toContain('HUMAN-FIX-MARK');
    });
  });

  it('tell the prompt stage nothing about flaw or repair', async () => {
    const client = await startTeacher();
    await withTemporaryFolder(async (folder) => {
      await run({ functions: [makeFunction(1)], client, outPath: join(folder, 'o.jsonl') });
      const request = server!.requests.find(({ text }) => text.includes('Stage: prompts'))!;
      const user = request.body.messages[1]!.content;
      expect(user).toContain('slots[n]');
      for (const word of ['CWE-787', 'CVE-2020', 'without a check', 'n > 8'])
        expect(user).not.toContain(word);
    });
  });
});

describe('reflection', () => {
  it('revises until the teacher accepts, with the draft and the issues in the request', async () => {
    const client = await startTeacher((request) =>
      answerAsTeacher(request, {
        verdicts: ['revise', 'revise', 'accept'],
        repair: (code, round) => code.replace('{', `{ /* draft ${round} */`),
      }),
    );
    await withTemporaryFolder(async (folder) => {
      const { records } = await run({
        functions: [makeFunction(1)],
        client,
        outPath: join(folder, 'o.jsonl'),
      });
      const reflections = records[0]!.reflections as { verdict: string; round: number }[];
      expect(reflections.map(({ verdict }) => verdict)).toEqual(['revise', 'revise', 'accept']);
      expect(records[0]!.secure).toContain('draft 3');
      const revision = server!.requests.find(({ text }) => text.includes('Stage: repair, round 3'))!;
      expect(revision.text).toContain('draft 2');
      expect(revision.text).toContain('looked at round 2');
    });
  });

  it('stops after R rounds with the last verdict as it is', async () => {
    const client = await startTeacher((request) => answerAsTeacher(request, { verdicts: ['revise'] }));
    await withTemporaryFolder(async (folder) => {
      const { summary, records } = await run({
        functions: [makeFunction(1)],
        client,
        outPath: join(folder, 'o.jsonl'),
        stages: { maxRounds: 2, votes: 1 },
      });
      expect(summary).toMatchObject({ rounds: { 2: 1 }, verdicts: { revise: 1 } });
      expect(records[0]!.confidence).toBeCloseTo(0.1, 6);
    });
  });

  it('puts a repair that the teacher rejects on record, without votes and prompts', async () => {
    const client = await startTeacher((request) => answerAsTeacher(request, { verdicts: ['reject'] }));
    await withTemporaryFolder(async (folder) => {
      const { records } = await run({
        functions: [makeFunction(1)],
        client,
        outPath: join(folder, 'o.jsonl'),
      });
      expect(records[0]).toMatchObject({ prompts: [], reflections: [{ verdict: 'reject' }] });
      expect(server!.requests).toHaveLength(3);
    });
  });
});

describe('failures', () => {
  it('of one function are data with stage and code, and do not touch the others', async () => {
    const client = await startTeacher((request) => {
      if (asksFor(request, 'put_1') && request.text.includes('Stage: reflect')) return 'hm, looks fine';
      if (asksFor(request, 'put_2')) return { kind: 'status', status: 400, error: { message: 'too long' } };
      return answerAsTeacher(request);
    });
    await withTemporaryFolder(async (folder) => {
      const { summary, failures, records } = await run({
        functions: makeFunctions(4),
        client,
        outPath: join(folder, 'o.jsonl'),
      });
      expect(records.map(({ id }) => id).sort()).toEqual(['f0', 'f3']);
      const byId = new Map(failures.map((line) => [line.id, reflectionFailureSchema.parse(line)]));
      expect(byId.get('f1')).toMatchObject({ stage: 'reflect', round: 1, code: 'answer-not-json' });
      expect(byId.get('f2')).toMatchObject({ stage: 'diagnose', code: 'request-refused' });
      expect(summary.failedByCode).toEqual({ 'answer-not-json': 1, 'request-refused': 1 });
    });
  });

  it('are tried again when they were the server’s, and left when they were the answer’s', async () => {
    let broken = true;
    const client = await startTeacher((request) => {
      if (broken && asksFor(request, 'put_0')) return { kind: 'status', status: 500 };
      if (broken && asksFor(request, 'put_1')) return 'nonsense';
      return answerAsTeacher(request);
    });
    await withTemporaryFolder(async (folder) => {
      const options = { functions: makeFunctions(3), client, outPath: join(folder, 'o.jsonl') };
      expect((await run(options)).summary).toMatchObject({ finished: 1, failed: 2 });
      broken = false;
      expect((await run(options)).summary).toMatchObject({
        finished: 1,
        skipped: { finished: 1, failed: 1 },
      });
      const all = await run({ ...options, retryFailures: 'all' });
      expect(all.summary).toMatchObject({ finished: 1, skipped: { finished: 2, failed: 0 } });
      expect(all.records).toHaveLength(3);
    });
  });

  it('in a row stop the run with the server’s error', async () => {
    const client = await startTeacher(() => ({ kind: 'status', status: 502 }));
    await withTemporaryFolder(async (folder) => {
      const options = {
        functions: makeFunctions(20),
        client,
        outPath: join(folder, 'o.jsonl'),
        maxServerFailures: 3,
      };
      await expect(run({ ...options, concurrency: 1 })).rejects.toMatchObject({
        code: 'TEACHER_SERVER_ERROR',
        exitCode: 2,
      });
      expect(await readLinesOf(failuresPathFor(options.outPath))).toHaveLength(3);
    });
  });

  it('never write the key anywhere', async () => {
    const client = await startTeacher(() => ({
      kind: 'status',
      status: 400,
      error: { message: 'bad request with sk-secret-secret' },
    }));
    await withTemporaryFolder(async (folder) => {
      const { failures, events } = await run({
        functions: makeFunctions(2),
        client,
        outPath: join(folder, 'o.jsonl'),
      });
      expect(failures).toHaveLength(2);
      expect(JSON.stringify([failures, events])).not.toContain('sk-secret-secret');
    });
  });
});

describe('stopping', () => {
  it('an unreachable teacher is one typed error; finished work stays; the same call goes on', async () => {
    let answered = 0;
    const client = await startTeacher((request) => {
      answered++;
      return answered > 14 ? { kind: 'drop' } : answerAsTeacher(request);
    });
    await withTemporaryFolder(async (folder) => {
      const options = {
        functions: makeFunctions(5),
        client,
        outPath: join(folder, 'o.jsonl'),
        concurrency: 1,
      };
      await expect(run(options)).rejects.toMatchObject({ code: 'TEACHER_UNREACHABLE', exitCode: 2 });
      expect(await readLinesOf(options.outPath)).toHaveLength(2);
      expect(await readLinesOf(failuresPathFor(options.outPath))).toHaveLength(0);
      answered = -1000;
      const { summary, records } = await run(options);
      expect(summary).toMatchObject({ finished: 3, skipped: { finished: 2 } });
      expect(new Set(records.map(({ id }) => id)).size).toBe(5);
    });
  });

  it('a refused key stops at once', async () => {
    const client = await startTeacher(() => ({ kind: 'status', status: 401 }));
    await withTemporaryFolder(async (folder) => {
      const running = run({
        functions: makeFunctions(50),
        client,
        outPath: join(folder, 'o.jsonl'),
        concurrency: 2,
      });
      await expect(running).rejects.toMatchObject({ code: 'TEACHER_UNAUTHORIZED', exitCode: 2 });
      expect(server!.requests.length).toBeLessThanOrEqual(4);
    });
  });

  it('a spent budget ends cleanly, and what was under way is finished', async () => {
    const client = await startTeacher();
    await withTemporaryFolder(async (folder) => {
      const options = {
        functions: makeFunctions(10),
        client,
        outPath: join(folder, 'o.jsonl'),
        concurrency: 1,
      };
      // 6 requests of 110 tokens per function
      const { summary, records } = await run({ ...options, budget: { maxTokens: 1000 } });
      expect(summary).toMatchObject({ stoppedBy: 'budget', finished: 2 });
      expect(records).toHaveLength(2);
      const money = await run({ ...options, budget: { maxCost: 0.0005 } });
      expect(money.summary).toMatchObject({ stoppedBy: 'budget', finished: 1, skipped: { finished: 2 } });
    });
  });

  it('a budget in money needs a price', async () => {
    await withTemporaryFolder(async (folder) => {
      const client = createTeacherClient({ baseUrl: 'http://127.0.0.1:9/v1', model: 'm' });
      const running = run({
        functions: [],
        client,
        outPath: join(folder, 'o.jsonl'),
        budget: { maxCost: 1 },
      });
      await expect(running).rejects.toMatchObject({ code: 'BUDGET_NEEDS_PRICE', exitCode: 2 });
    });
  });

  it('an abort ends with CancelledError and no half-written function', async () => {
    const controller = new AbortController();
    const client = await startTeacher((request) => {
      if (request.index === 15) controller.abort();
      return answerAsTeacher(request);
    });
    await withTemporaryFolder(async (folder) => {
      const options = {
        functions: makeFunctions(10),
        client,
        outPath: join(folder, 'o.jsonl'),
        concurrency: 2,
      };
      await expect(run({ ...options, signal: controller.signal })).rejects.toMatchObject({
        code: 'CANCELLED',
      });
      const before = (await readLinesOf(options.outPath)).length;
      expect(before).toBeLessThan(4);
      expect(await readLinesOf(failuresPathFor(options.outPath))).toHaveLength(0);
      expect((await run(options)).records).toHaveLength(10);
    });
  });

  it('a consumer that stops listening stops the work', async () => {
    const client = await startTeacher();
    await withTemporaryFolder(async (folder) => {
      for await (const event of runReflection({
        functions: makeFunctions(50),
        client,
        outPath: join(folder, 'o.jsonl'),
      }))
        if (event.type === 'function-end') break;
      const count = server!.requests.length;
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(server!.requests.length).toBe(count);
      expect(count).toBeLessThan(60);
    });
  });

  it('goes on after kill -9, with each function exactly once', async () => {
    let slow = true;
    await startTeacher(async (request) => {
      if (slow) await new Promise((resolve) => setTimeout(resolve, 15));
      return answerAsTeacher(request);
    });
    await withTemporaryFolder(async (folder) => {
      const outPath = join(folder, 'o.jsonl');
      const script = fileURLToPath(new URL('./helpers/run-child.ts', import.meta.url));
      const start = () =>
        spawn(
          process.execPath,
          ['--conditions=@srcode/source', '--import', 'tsx', script, server!.baseUrl, outPath, '12'],
          {
            stdio: ['ignore', 'ignore', 'inherit'],
          },
        );
      const first = start();
      const ended = new Promise((resolve) => first.once('exit', (_code, signal) => resolve(signal)));
      while ((await readLinesOf(outPath)).length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
      first.kill('SIGKILL');
      expect(await ended).toBe('SIGKILL');
      // What a crash in the middle of a write leaves.
      await appendFile(outPath, '{"id": "f11", "functionId": "f11", "vuln');
      slow = false;
      const second = start();
      expect(await new Promise((resolve) => second.once('exit', resolve))).toBe(0);
      const records = await readLinesOf(outPath);
      expect(records.map(({ id }) => id).sort()).toEqual(
        makeFunctions(12)
          .map(({ id }) => id)
          .sort(),
      );
    });
  });

  it('a path that cannot be written is a typed error', async () => {
    const client = await startTeacher();
    await withTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'file'), 'x');
      const running = run({
        functions: makeFunctions(1),
        client,
        outPath: join(folder, 'file', 'sub', 'o.jsonl'),
      });
      await expect(running).rejects.toMatchObject({ code: 'FILE_NOT_FOLDER', exitCode: 2 });
      expect(server!.requests).toHaveLength(0);
    });
  });

  it('a records file that is something else is a typed error, and is left alone', async () => {
    const client = await startTeacher();
    await withTemporaryFolder(async (folder) => {
      const outPath = join(folder, 'o.jsonl');
      await writeFile(outPath, 'hello\n');
      await expect(run({ functions: makeFunctions(1), client, outPath })).rejects.toMatchObject({
        exitCode: 2,
      });
      expect(await readFile(outPath, 'utf8')).toBe('hello\n');
    });
  });
});

it('takes an id once and reads no more functions ahead than it works on', async () => {
  const client = await startTeacher();
  let pulled = 0;
  async function* functions(): AsyncGenerator<VulnerableFunction> {
    for (const func of [makeFunction(0), makeFunction(0), ...makeFunctions(30)]) {
      pulled++;
      yield func;
    }
  }
  await withTemporaryFolder(async (folder) => {
    let ended = 0;
    let maxAhead = 0;
    const job = runReflection({
      functions: functions(),
      client,
      outPath: join(folder, 'o.jsonl'),
      concurrency: 2,
    });
    const summary = await drainJob(job, (event) => {
      if (event.type === 'function-end') ended++;
      maxAhead = Math.max(maxAhead, pulled - ended);
    });
    expect(summary).toMatchObject({ finished: 30, skipped: { duplicate: 2 } });
    expect(maxAhead).toBeLessThanOrEqual(8);
  });
});
