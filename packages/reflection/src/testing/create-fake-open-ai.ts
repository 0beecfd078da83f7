import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One chat/completions request as the fake server received it. */
export interface FakeRequest {
  /** 0-based, over all chat requests. */
  readonly index: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: {
    readonly model?: string;
    readonly messages: readonly { readonly role: string; readonly content: string }[];
    readonly [key: string]: unknown;
  };
  /** Raw text of the body. */
  readonly text: string;
}

/** What the fake server does with a request. */
export type FakeReply =
  | {
      readonly kind: 'answer';
      readonly content: string;
      readonly finishReason?: string;
      readonly refusal?: string;
      readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
    }
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly error?: { readonly code?: string; readonly message?: string; readonly param?: string };
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** 200 with a body that is not JSON. */
  | { readonly kind: 'garbage' }
  /** Headers and half a body, then nothing. */
  | { readonly kind: 'stall' }
  /** Never answers. */
  | { readonly kind: 'hang' }
  /** Half a body, then the connection breaks. */
  | { readonly kind: 'truncate' }
  /** The connection breaks before any byte. */
  | { readonly kind: 'drop' }
  /** An endless body. */
  | { readonly kind: 'oversize'; readonly bytes: number };

export interface FakeOpenAiOptions {
  /** Called for each chat request; a string is short for an `answer`. */
  readonly reply: (request: FakeRequest) => FakeReply | string | Promise<FakeReply | string>;
  readonly models?: readonly string[];
}

export interface FakeOpenAi {
  readonly baseUrl: string;
  readonly requests: readonly FakeRequest[];
  close(): Promise<void>;
}

function completion(reply: Extract<FakeReply, { kind: 'answer' }>, request: FakeRequest): string {
  const usage = reply.usage === undefined ? { prompt_tokens: 100, completion_tokens: 10 } : reply.usage;
  return JSON.stringify({
    id: `fake-${request.index}`,
    object: 'chat.completion',
    created: 0,
    model: request.body.model ?? 'fake',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: reply.content, refusal: reply.refusal ?? null },
        finish_reason: reply.finishReason ?? 'stop',
      },
    ],
    ...(usage === null
      ? {}
      : { usage: { ...usage, total_tokens: usage.prompt_tokens + usage.completion_tokens } }),
  });
}

function send(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(text);
}

function writeForever(response: ServerResponse, bytes: number): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const chunk = 'x'.repeat(16 * 1024);
  let written = 0;
  const push = () => {
    while (written < bytes && !response.destroyed) {
      written += chunk.length;
      if (!response.write(chunk)) {
        response.once('drain', push);
        return;
      }
    }
    response.end();
  };
  push();
}

function perform(reply: FakeReply, request: FakeRequest, response: ServerResponse): void {
  const half = '{"id": "fake", "choices": [{"message": {"content": "int ma';
  switch (reply.kind) {
    case 'answer':
      send(response, 200, completion(reply, request));
      return;
    case 'status':
      send(
        response,
        reply.status,
        JSON.stringify({ error: { message: 'scripted', ...reply.error } }),
        reply.headers,
      );
      return;
    case 'garbage':
      send(response, 200, '<html>not json');
      return;
    case 'hang':
      return;
    case 'stall':
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write(half);
      return;
    case 'truncate':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '10000' });
      response.write(half, () => response.destroy());
      return;
    case 'drop':
      response.destroy();
      return;
    case 'oversize':
      writeForever(response, reply.bytes);
      return;
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** A fake OpenAI-compatible server on the loopback interface, for tests: scripted answers and faults. */
export async function createFakeOpenAi(options: FakeOpenAiOptions): Promise<FakeOpenAi> {
  const requests: FakeRequest[] = [];
  const server = createServer(async (incoming, response) => {
    if (incoming.url?.endsWith('/models'))
      return send(
        response,
        200,
        JSON.stringify({
          object: 'list',
          data: (options.models ?? ['fake']).map((id) => ({
            id,
            object: 'model',
            created: 0,
            owned_by: 'fake',
          })),
        }),
      );
    const text = await readBody(incoming);
    if (!incoming.url?.endsWith('/chat/completions'))
      return send(response, 404, JSON.stringify({ error: { message: `no route ${incoming.url}` } }));
    const request: FakeRequest = {
      index: requests.length,
      headers: incoming.headers,
      body: JSON.parse(text),
      text,
    };
    requests.push(request);
    const reply = await options.reply(request);
    perform(typeof reply === 'string' ? { kind: 'answer', content: reply } : reply, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
