import { EnvironmentError, InputError, SrcodeError, throwIfCancelled } from '@srcode/core';
import OpenAI, { APIConnectionError, APIError, APIUserAbortError } from 'openai';

export interface ServerSolverOptions {
  /** E.g. `http://127.0.0.1:8000/v1`. */
  readonly url: string;
  readonly model: string;
  readonly apiKey?: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly seed: number;
  /** Requests in flight. */
  readonly concurrency: number;
}

interface Asked {
  readonly taskId: string;
  readonly sampleIndex: number;
  readonly completion: string;
}

/** A solver that asks a model behind an OpenAI-compatible server; samples come in the order asked. */
export function createServerSolver(options: ServerSolverOptions) {
  const { url, headers } = splitCredentials(options.url);
  const client = new OpenAI({
    baseURL: url,
    defaultHeaders: headers,
    apiKey: options.apiKey ?? 'none',
    maxRetries: 3,
    timeout: 300_000,
    logLevel: 'off',
  });
  const ask = async (prompt: string, sampleIndex: number, signal: AbortSignal | undefined) => {
    try {
      const answer = await client.chat.completions.create(
        {
          model: options.model,
          messages: [{ role: 'user', content: prompt }],
          max_tokens: options.maxTokens,
          temperature: options.temperature,
          seed: options.seed + sampleIndex,
        },
        signal ? { signal } : {},
      );
      return answer.choices[0]?.message.content ?? '';
    } catch (error) {
      throwIfCancelled(signal);
      throw mapError(error, url);
    }
  };
  return async function* solve(
    tasks: readonly { readonly id: string; readonly prompt: string }[],
    { samplesPerTask, signal }: { readonly samplesPerTask: number; readonly signal?: AbortSignal },
  ): AsyncGenerator<Asked> {
    const wanted = tasks.flatMap((task) =>
      Array.from({ length: samplesPerTask }, (_, sampleIndex) => ({ task, sampleIndex })),
    );
    const inFlight: Promise<Asked>[] = [];
    const start = () => {
      const next = wanted.shift();
      if (next === undefined) return;
      const { task, sampleIndex } = next;
      const asked = ask(task.prompt, sampleIndex, signal).then((completion) => ({
        taskId: task.id,
        sampleIndex,
        completion,
      }));
      // Awaited in its turn; until then a failure must not count as unhandled.
      asked.catch(() => {});
      inFlight.push(asked);
    };
    for (let slot = 0; slot < options.concurrency; slot++) start();
    for (let asked = inFlight.shift(); asked !== undefined; asked = inFlight.shift()) {
      const sample = await asked;
      start();
      yield sample;
    }
  };
}

/** `https://user:password@host` as an address that can be asked, logged and shown, and the header that carries the rest. */
function splitCredentials(text: string): { readonly url: string; readonly headers: Record<string, string> } {
  const url = new URL(text);
  const { username, password } = url;
  if (username === '' && password === '') return { url: text, headers: {} };
  url.username = '';
  url.password = '';
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { url: url.href, headers: { Authorization: `Basic ${Buffer.from(pair).toString('base64')}` } };
}

function mapError(error: unknown, where: string): unknown {
  if (SrcodeError.isInstance(error) || error instanceof APIUserAbortError) return error;
  if (error instanceof APIConnectionError) {
    return new EnvironmentError({
      code: 'MODEL_SERVER_UNREACHABLE',
      message: `Expected an OpenAI-compatible server at ${where}, could not reach it (${(error.cause as Error | undefined)?.message ?? error.message}). Start it, or check --url. Finished samples are kept.`,
      context: { url: where },
      cause: error,
    });
  }
  if (!(error instanceof APIError)) return error;
  const status = error.status as number | undefined;
  const isOurs = status !== undefined && status >= 400 && status < 500 && status !== 429;
  const message = `${where} answered ${status ?? 'with an error'}: ${error.message.slice(0, 300)}. ${isOurs ? 'Check --model-name and the key.' : 'Run the same command again later; finished samples are kept.'}`;
  return isOurs
    ? new InputError({ code: 'MODEL_SERVER_REFUSED', message, context: { url: where, status }, cause: error })
    : new SrcodeError({
        code: 'MODEL_SERVER_FAILED',
        message,
        context: { url: where, status },
        cause: error,
      });
}
