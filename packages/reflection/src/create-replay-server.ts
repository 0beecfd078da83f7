import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { EnvironmentError, InputError } from '@srcode/core';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import { type ReplayAnswer, ReplayAnswers } from './internal/replay-answers.js';
import type { ReflectionRecord } from './schemas.js';

export interface ReplayServerOptions {
  readonly records: AsyncIterable<ReflectionRecord> | Iterable<ReflectionRecord>;
  /** What the records are, e.g. a file name; told by `GET /` and in the model list. */
  readonly label: string;
  /** Default 0: any free port. */
  readonly port?: number;
}

export interface ReplayServer {
  /** Base URL for a client, e.g. `http://127.0.0.1:4517/v1`. */
  readonly baseUrl: string;
  /** Name that `/v1/models` gives. */
  readonly model: string;
  readonly records: number;
  /** Requests answered from a record, and refused for want of one, so far. */
  counts(): { readonly answered: number; readonly refused: number };
  close(): Promise<void>;
}

/** 8 MiB: a request holds one function three times at most. */
const MAX_REQUEST_BYTES = 8 * 1024 * 1024;

const requestSchema = z.object({
  model: z.string().default(''),
  messages: z.array(z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.string() })).min(1),
  stream: z.boolean().nullish(),
});

/**
 * A local OpenAI-compatible server, on the loopback interface only, that gives recorded teacher answers.
 *
 * Every answer says that it is one: `model: "replay:<teacher>"`, `system_fingerprint: "srcode-replay"`,
 * header `x-srcode-replayed: 1`; token counts are 0, since no model ran. A function without a record gets
 * status 404 with `{error: {code: "no_recorded_answer", param: <what is missing>}}`. Stateless: the
 * request carries stage and round. Throws `EnvironmentError` when the port is taken.
 */
export async function createReplayServer(options: ReplayServerOptions): Promise<ReplayServer> {
  const answers = new ReplayAnswers();
  for await (const record of options.records) answers.add(record);
  if (answers.size === 0)
    throw new InputError({
      code: 'REPLAY_EMPTY',
      message: `Expected recorded teacher answers in ${options.label}, found none.`,
    });
  const counts = { answered: 0, refused: 0 };
  const model = `replay:${answers.teachers.length === 1 ? answers.teachers[0] : options.label}`;
  const app = createApp(answers, counts, { label: options.label, model });
  const server = createAdaptorServer({ fetch: app.fetch });
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  }).catch((cause: NodeJS.ErrnoException) => {
    throw new EnvironmentError({
      code: 'REPLAY_PORT_TAKEN',
      message: `Cannot listen on 127.0.0.1:${options.port ?? 0} (${cause.code ?? cause.message}). Choose another port, or 0 for any.`,
      context: { port: options.port ?? 0 },
      cause,
    });
  });
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    model,
    records: answers.size,
    counts: () => ({ ...counts }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}

function createApp(
  answers: ReplayAnswers,
  counts: { answered: number; refused: number },
  identity: { readonly label: string; readonly model: string },
): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    context.header('x-srcode-replayed', '1');
  });
  app.use(
    bodyLimit({
      maxSize: MAX_REQUEST_BYTES,
      onError: (c) =>
        sendError(c, 413, 'request_too_large', null, `Requests may have ${MAX_REQUEST_BYTES} bytes.`),
    }),
  );
  app.get('/', (c) =>
    c.json({
      service: 'srcode recorded-teacher replay',
      label: identity.label,
      records: answers.size,
      teachers: answers.teachers,
    }),
  );
  app.get('/v1/models', (c) =>
    c.json({
      object: 'list',
      data: [{ id: identity.model, object: 'model', created: 0, owned_by: 'srcode-replay' }],
    }),
  );
  app.post('/v1/chat/completions', async (c) => {
    const parsed = requestSchema.safeParse(await c.req.json().catch(() => null));
    if (!parsed.success)
      return sendError(
        c,
        400,
        'invalid_request',
        null,
        `Not a chat/completions request: ${z.prettifyError(parsed.error)}`,
      );
    if (parsed.data.stream)
      return sendError(c, 400, 'unsupported', 'stream', 'Recorded answers are not streamed.');
    const answer = answers.answer(parsed.data.messages);
    if (!answer.found) {
      counts.refused++;
      return sendError(c, 404, 'no_recorded_answer', answer.scope, answer.message);
    }
    counts.answered++;
    return c.json(toCompletion(answer));
  });
  app.notFound((c) =>
    sendError(c, 404, 'not_found', null, 'This server has /v1/models and /v1/chat/completions.'),
  );
  return app;
}

function sendError(
  c: Context,
  status: 400 | 404 | 413,
  code: string,
  param: string | null,
  message: string,
): Response {
  return c.json({ error: { message, type: 'invalid_request_error', param, code } }, status);
}

function toCompletion(answer: ReplayAnswer & { readonly found: true }): Record<string, unknown> {
  return {
    id: `replay-${answer.recordId}`,
    object: 'chat.completion',
    // No clock: a recorded answer has no time of its own.
    created: 0,
    model: `replay:${answer.teacher}`,
    system_fingerprint: 'srcode-replay',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: JSON.stringify(answer.content), refusal: null },
        finish_reason: 'stop',
        logprobs: null,
      },
    ],
    usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
  };
}
