import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createTeacherClient, type RetryNotice, type TeacherClientOptions } from './create-teacher-client.js';
import { createFakeOpenAi, type FakeOpenAi, type FakeReply } from './testing/index.js';

const KEY = 'sk-test-0123456789abcdef';
const schema = z.object({ value: z.number().max(10) });
const good = '{"value": 7}';
let server: FakeOpenAi | null = null;

afterEach(async () => {
  await server?.close();
  server = null;
});

/** A server that gives the replies in turn (the last repeats) and a client of it that retries quickly. */
async function start(replies: readonly (FakeReply | string)[], options: Partial<TeacherClientOptions> = {}) {
  server = await createFakeOpenAi({ reply: ({ index }) => replies[Math.min(index, replies.length - 1)]! });
  const client = createTeacherClient({
    baseUrl: server.baseUrl,
    apiKey: KEY,
    model: 'm',
    retryDelayMs: 1,
    retries: 2,
    ...options,
  });
  const notices: RetryNotice[] = [];
  const ask = (signal?: AbortSignal) =>
    client.ask({
      stage: 'diagnose',
      messages: [{ role: 'user', content: 'hello' }],
      schema,
      signal,
      onRetry: (notice) => notices.push(notice),
    });
  return { client, ask, notices, requests: server.requests };
}

describe('answers', () => {
  it('gives the validated value and counts usage and cost', async () => {
    const { ask, client } = await start([good], { price: { inputPerMillion: 2, outputPerMillion: 10 } });
    expect(await ask()).toEqual({ value: { value: 7 }, model: 'm', replayed: false, reasked: false });
    const usage = client.usage();
    expect(usage).toMatchObject({ requests: 1, inputTokens: 100, outputTokens: 10, estimated: false });
    expect(usage.cost).toBeCloseTo(0.0003, 10);
  });

  it('estimates tokens where the server tells none, and says so', async () => {
    const { ask, client } = await start([{ kind: 'answer', content: good, usage: null }]);
    await ask();
    expect(client.usage()).toEqual({
      requests: 1,
      inputTokens: 2,
      outputTokens: 3,
      cost: null,
      estimated: true,
    });
  });

  it('asks once more with the validation error, then gives up', async () => {
    const { ask, requests } = await start(['{"value": 99}', good]);
    expect(await ask()).toMatchObject({ value: { value: 7 }, reasked: true });
    const second = requests[1]!.body.messages;
    expect(second.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    expect(second[2]!.content).toContain('value:');
    const stubborn = await start(['no json here']);
    await expect(stubborn.ask()).rejects.toMatchObject({
      code: 'ANSWER_NOT_JSON',
      name: 'TeacherAnswerError',
    });
    expect(stubborn.requests).toHaveLength(2);
  });

  it('does not ask again after a refusal or a cut at the token limit', async () => {
    const refused = await start([{ kind: 'answer', content: '', refusal: 'I will not' }]);
    await expect(refused.ask()).rejects.toMatchObject({ code: 'ANSWER_REFUSED' });
    expect(refused.requests).toHaveLength(1);
    const cut = await start([{ kind: 'answer', content: good, finishReason: 'length' }]);
    await expect(cut.ask()).rejects.toMatchObject({ code: 'ANSWER_TRUNCATED' });
    expect(cut.requests).toHaveLength(1);
  });

  it('stops reading an answer that is larger than allowed', async () => {
    const { ask, requests } = await start([{ kind: 'oversize', bytes: 64 * 1024 * 1024 }], {
      maxAnswerBytes: 100_000,
    });
    await expect(ask()).rejects.toMatchObject({ code: 'ANSWER_TOO_LARGE' });
    expect(requests).toHaveLength(1);
  });
});

describe('structured outputs', () => {
  const refuseFormat = (message: string): FakeReply => ({ kind: 'status', status: 400, error: { message } });

  it('asks for a strict schema, and steps down when the server refuses, for good', async () => {
    const { ask, requests } = await start([
      refuseFormat('response_format json_schema is not supported'),
      refuseFormat("unknown field 'response_format'"),
      good,
    ]);
    await ask();
    await ask();
    expect(requests.map(({ body }) => (body.response_format as { type: string } | undefined)?.type)).toEqual([
      'json_schema',
      'json_object',
      undefined,
      undefined,
    ]);
    expect(requests[0]!.body.response_format).toMatchObject({
      json_schema: {
        strict: true,
        schema: { type: 'object', required: ['value'], additionalProperties: false },
      },
    });
  });

  it('learns that a model wants max_completion_tokens and no temperature', async () => {
    const { ask, requests } = await start([
      refuseFormat("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
      refuseFormat("Unsupported value: 'temperature' does not support 0."),
      good,
    ]);
    await ask();
    expect(requests[2]!.body.max_completion_tokens).toBe(16_384);
    expect(requests[2]!.body.max_tokens).toBeUndefined();
    expect(requests[2]!.body.temperature).toBeUndefined();
  });
});

describe('faults', () => {
  it.each<[string, FakeReply]>([
    ['429', { kind: 'status', status: 429 }],
    ['500', { kind: 'status', status: 500 }],
    ['503', { kind: 'status', status: 503 }],
    ['a broken connection', { kind: 'drop' }],
    ['a body cut in half', { kind: 'truncate' }],
    ['a body that is not JSON', { kind: 'garbage' }],
  ])('tries again after %s', async (_name, fault) => {
    const { ask, notices } = await start([fault, fault, good]);
    expect((await ask()).value).toEqual({ value: 7 });
    expect(notices.map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  it.each<['hang' | 'stall']>([['hang'], ['stall']])(
    'ends a %s at the timeout, headers or not',
    async (kind) => {
      const { ask, requests } = await start([{ kind }], { timeoutMs: 60, retries: 1 });
      await expect(ask()).rejects.toMatchObject({ code: 'TEACHER_TIMEOUT', exitCode: 2 });
      expect(requests).toHaveLength(2);
    },
  );

  it.each<[number, string, string, number]>([
    [401, 'TEACHER_UNAUTHORIZED', 'TeacherAuthError', 1],
    [403, 'TEACHER_UNAUTHORIZED', 'TeacherAuthError', 1],
    [404, 'TEACHER_NOT_FOUND', 'TeacherNotFoundError', 1],
    [429, 'TEACHER_RATE_LIMITED', 'TeacherRateLimitError', 3],
    [500, 'TEACHER_SERVER_ERROR', 'TeacherServerError', 3],
  ])('maps status %i to %s after a bounded number of requests', async (status, code, name, count) => {
    const { ask, requests } = await start([{ kind: 'status', status }]);
    await expect(ask()).rejects.toMatchObject({ code, name, exitCode: 2 });
    expect(requests).toHaveLength(count);
  });

  it('takes 400 as a matter of this request alone', async () => {
    const { ask } = await start([
      { kind: 'status', status: 400, error: { message: 'context length exceeded' } },
    ]);
    await expect(ask()).rejects.toMatchObject({ code: 'TEACHER_REQUEST_REFUSED', exitCode: 1 });
  });

  it('does not try again when the quota is spent or the pause asked for is too long', async () => {
    const quota = await start([{ kind: 'status', status: 429, error: { code: 'insufficient_quota' } }]);
    await expect(quota.ask()).rejects.toMatchObject({ code: 'TEACHER_QUOTA_SPENT' });
    expect(quota.requests).toHaveLength(1);
    const long = await start([{ kind: 'status', status: 429, headers: { 'retry-after': '3600' } }]);
    await expect(long.ask()).rejects.toMatchObject({ code: 'TEACHER_QUOTA_SPENT' });
    expect(long.requests).toHaveLength(1);
  });

  it('waits as long as Retry-After asks, for every concurrent request', async () => {
    const arrivals: number[] = [];
    server = await createFakeOpenAi({
      reply: ({ index }) => {
        arrivals.push(performance.now());
        return index === 0 ? { kind: 'status', status: 429, headers: { 'retry-after-ms': '150' } } : good;
      },
    });
    const client = createTeacherClient({ baseUrl: server.baseUrl, model: 'm', retryDelayMs: 1 });
    const request = { stage: 'diagnose', messages: [{ role: 'user', content: 'x' }], schema } as const;
    const first = client.ask(request);
    while (arrivals.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 30));
    await Promise.all([first, client.ask(request)]);
    expect(arrivals[1]! - arrivals[0]!).toBeGreaterThanOrEqual(140);
    expect(arrivals[2]! - arrivals[0]!).toBeGreaterThanOrEqual(140);
  });

  it('says that nothing listens, after two retries, or all of them where the server answered before', async () => {
    const counts: number[] = [];
    for (const replies of [[{ kind: 'drop' as const }], [good, { kind: 'drop' as const }]]) {
      const { ask, requests } = await start(replies, { retries: 4 });
      if (replies.length > 1) await ask();
      await expect(ask()).rejects.toMatchObject({ code: 'TEACHER_UNREACHABLE' });
      counts.push(requests.length);
      await server!.close();
    }
    expect(counts).toEqual([3, 6]);
  });

  it('names the system error', async () => {
    const { client } = await start([good]);
    await server!.close();
    const ask = client.ask({ stage: 'diagnose', messages: [{ role: 'user', content: 'x' }], schema });
    await expect(ask).rejects.toMatchObject({ code: 'TEACHER_UNREACHABLE', exitCode: 2 });
    await expect(ask).rejects.toThrow(/ECONNREFUSED/);
  });

  it('cancels during a request', async () => {
    const { ask } = await start([{ kind: 'hang' }]);
    const controller = new AbortController();
    const pending = ask(controller.signal);
    setTimeout(() => controller.abort(), 20);
    await expect(pending).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('refuses a base URL that is none, without repeating a password in it', () => {
    expect(() => createTeacherClient({ baseUrl: 'not a url', model: 'm' })).toThrow(/http\(s\)/);
    for (const baseUrl of [
      'ftp://user:hunter2@host',
      'http://user:hunter2@host/v1',
      'http://hunter2@host/v1',
    ])
      expect(() => createTeacherClient({ baseUrl, model: 'm' })).toThrow(
        expect.objectContaining({
          code: 'TEACHER_URL_INVALID',
          message: expect.not.stringContaining('hunter2'),
        }),
      );
  });
});

it('keeps the key out of every error, also when the server repeats it', async () => {
  const echo = `Incorrect API key provided: ${KEY}. Header was Bearer ${KEY}`;
  for (const status of [400, 401, 404, 429, 500]) {
    const { ask, client } = await start([{ kind: 'status', status, error: { message: echo } }], {
      retries: 0,
    });
    const error = (await ask().catch((caught: unknown) => caught)) as Error & { context: unknown };
    const everything = [
      error.message,
      error.stack,
      JSON.stringify(error),
      JSON.stringify(error.context),
      String(error.cause),
    ];
    for (const text of everything) expect(text ?? '').not.toContain(KEY);
    expect(JSON.stringify(client)).not.toContain(KEY);
    await server!.close();
  }
});

it('lists the models of the server', async () => {
  server = await createFakeOpenAi({ reply: () => good, models: ['a', 'b'] });
  expect(await createTeacherClient({ baseUrl: server.baseUrl, model: 'a' }).listModels()).toEqual(['a', 'b']);
});
