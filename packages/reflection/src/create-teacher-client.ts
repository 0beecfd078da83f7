import { CancelledError, type Clock, InputError, type SrcodeError, systemClock } from '@srcode/core';
import OpenAI, { APIError } from 'openai';
import pRetry from 'p-retry';
import type { z } from 'zod';
import {
  TeacherAnswerError,
  TeacherRateLimitError,
  TeacherRequestError,
  TeacherUnreachableError,
} from './errors.js';
import { buildResponseFormats, type ResponseFormat } from './internal/build-response-formats.js';
import { adaptDialect, type Dialect } from './internal/dialect.js';
import { limitedFetch } from './internal/limited-fetch.js';
import { type ErrorFacts, isRetryable, mapTeacherError, readRetryAfterMs } from './internal/map-error.js';
import { parseAnswer } from './internal/parse-answer.js';
import { createRedactor, plainUrl } from './internal/redact.js';
import { waitMs, withChildSignal } from './internal/wait.js';
import type { ChatMessage, StageName } from './stages/stage.js';
import { addUsage, type ModelPrice, priceTokens, type Usage, ZERO_USAGE } from './usage.js';

export interface TeacherClientOptions {
  /** E.g. `http://127.0.0.1:8000/v1`. */
  readonly baseUrl: string;
  /** Servers that need none take any word; default `none`. Never logged. */
  readonly apiKey?: string;
  readonly model: string;
  /** For the whole answer, headers and body, per attempt. Default 120,000. */
  readonly timeoutMs?: number;
  /** Attempts after the first; at most two while the server has never answered. Default 5. */
  readonly retries?: number;
  /** First pause between attempts; doubles, with jitter, up to 60,000. Default 1,000. */
  readonly retryDelayMs?: number;
  /** A `Retry-After` above this is not waited for. Default 120,000. */
  readonly maxRetryAfterMs?: number;
  /** Tokens that one answer may have. Default 16,384. */
  readonly maxOutputTokens?: number;
  /** Bytes that one HTTP body may have. Default 4 MiB, about 40 times the longest useful answer. */
  readonly maxAnswerBytes?: number;
  /** `auto` asks for a JSON schema, then for a JSON object, then for nothing, as the server allows. */
  readonly structuredOutputs?: 'auto' | 'json-schema' | 'json-object' | 'off';
  /** Price of the model, for cost accounting. */
  readonly price?: ModelPrice;
  readonly clock?: Clock;
}

export interface TeacherRequest<S extends z.ZodType> {
  readonly stage: StageName;
  readonly messages: readonly ChatMessage[];
  readonly schema: S;
  readonly salvage?: ((text: string) => unknown) | undefined;
  /** Default 0. */
  readonly temperature?: number;
  readonly seed?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onRetry?: ((notice: RetryNotice) => void) | undefined;
}

export interface RetryNotice {
  readonly stage: StageName;
  /** 1-based number of the attempt that failed. */
  readonly attempt: number;
  readonly code: string;
  readonly message: string;
}

export interface TeacherAnswer<T> {
  readonly value: T;
  /** As the server names it. */
  readonly model: string;
  /** True when the server said that the answer is a recorded one. */
  readonly replayed: boolean;
  /** True when the first answer was unusable and the second was taken. */
  readonly reasked: boolean;
}

/** A teacher behind an OpenAI-compatible server. */
export interface TeacherClient {
  readonly model: string;
  /** Without user name, password and query. */
  readonly baseUrl: string;
  /** True when costs can be told. */
  readonly hasPrice: boolean;
  /** A validated answer. Throws the errors of `errors.ts`, `CancelledError` on abort. */
  ask<S extends z.ZodType>(request: TeacherRequest<S>): Promise<TeacherAnswer<z.output<S>>>;
  /** Model names that the server lists. */
  listModels(signal?: AbortSignal): Promise<readonly string[]>;
  /** Everything used so far, failed and repeated requests included. */
  usage(): Usage;
}

interface RawAnswer {
  readonly text: string;
  readonly finishReason: string | null;
  readonly refusal: string | null;
  readonly model: string;
  readonly replayed: boolean;
}

/** 4,000 characters of a bad answer are shown to the teacher when it is asked again. */
const MAX_ECHO_CHARS = 4000;

function parseBaseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new InputError({
      code: 'TEACHER_URL_INVALID',
      message: `Expected the teacher's base URL to be http(s), e.g. http://127.0.0.1:8000/v1, got "${text.replace(/\/\/[^/]*@/, '//')}".`,
    });
  // HTTP clients refuse such an address with a message that repeats it.
  if (url.username !== '' || url.password !== '')
    throw new InputError({
      code: 'TEACHER_URL_INVALID',
      message: `Expected the teacher's base URL without user name and password, got them for "${plainUrl(url)}". Give the key as apiKey.`,
    });
  return url;
}

/** A client of one teacher model. Throws `InputError` for a base URL that is none; contacts nobody yet. */
export function createTeacherClient(options: TeacherClientOptions): TeacherClient {
  return new OpenAiTeacher(options);
}

class OpenAiTeacher implements TeacherClient {
  readonly model: string;
  readonly baseUrl: string;
  readonly hasPrice: boolean;
  readonly #options: TeacherClientOptions;
  readonly #openai: OpenAI;
  readonly #facts: ErrorFacts;
  readonly #clock: Clock;
  #usage: Usage = ZERO_USAGE;
  #hasAnswered = false;
  /** What the server turned out not to take; learnt from its 400s, kept for later requests. */
  readonly #dialect: Dialect = { formatLevel: 0, tokensField: 'max_tokens', temperature: true, seed: true };
  /** No request starts before this; set by `Retry-After`, shared by all concurrent requests. */
  #notBeforeMs = 0;

  constructor(options: TeacherClientOptions) {
    const url = parseBaseUrl(options.baseUrl);
    const apiKey = options.apiKey ?? 'none';
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.model = options.model;
    this.hasPrice = options.price !== undefined;
    this.baseUrl = plainUrl(url);
    const timeoutMs = options.timeoutMs ?? 120_000;
    this.#facts = { baseUrl: this.baseUrl, model: options.model, timeoutMs, redact: createRedactor(apiKey) };
    // organization, project and logLevel are given so that no environment variable sets them behind our back.
    this.#openai = new OpenAI({
      baseURL: options.baseUrl,
      apiKey,
      organization: null,
      project: null,
      logLevel: 'off',
      timeout: timeoutMs,
      maxRetries: 0,
      fetch: limitedFetch(options.maxAnswerBytes ?? 4 * 1024 * 1024),
    });
  }

  usage(): Usage {
    return this.#usage;
  }

  async listModels(signal?: AbortSignal): Promise<readonly string[]> {
    return this.#retrying('diagnose', signal, undefined, async () => {
      const page = await this.#openai.models.list({ signal });
      return page.data.map((model) => model.id);
    });
  }

  async ask<S extends z.ZodType>(request: TeacherRequest<S>): Promise<TeacherAnswer<z.output<S>>> {
    const first = await this.#complete(request, request.messages);
    const problem = this.#judge(first, request);
    if (problem.ok) return { ...pickOrigin(first), value: problem.value, reasked: false };
    if (problem.final) throw problem.error;
    const second = await this.#complete(request, [
      ...request.messages,
      { role: 'assistant', content: first.text.slice(0, MAX_ECHO_CHARS) || '(empty)' },
      {
        role: 'user',
        content: `That answer cannot be used: ${problem.error.message} Answer again, with the one JSON object that was asked for and nothing else.`,
      },
    ]);
    const again = this.#judge(second, request);
    if (!again.ok) throw again.error;
    return { ...pickOrigin(second), value: again.value, reasked: true };
  }

  #judge<S extends z.ZodType>(
    raw: RawAnswer,
    request: TeacherRequest<S>,
  ): { ok: true; value: z.output<S> } | { ok: false; final: boolean; error: TeacherAnswerError } {
    const fail = (code: string, message: string, final: boolean) => ({
      ok: false as const,
      final,
      error: new TeacherAnswerError({
        code,
        message: this.#facts.redact(message),
        context: { stage: request.stage, model: raw.model, finishReason: raw.finishReason },
      }),
    });
    if (raw.refusal !== null)
      return fail('ANSWER_REFUSED', `The teacher refused: ${raw.refusal.slice(0, 300)}`, true);
    if (raw.finishReason === 'content_filter')
      return fail('ANSWER_REFUSED', "The server's content filter stopped the answer.", true);
    // Asking again under the same limit would be cut again.
    if (raw.finishReason === 'length')
      return fail('ANSWER_TRUNCATED', 'The answer was cut at the token limit. Raise maxOutputTokens.', true);
    if (raw.text.trim() === '') return fail('ANSWER_EMPTY', 'The answer was empty.', false);
    const parsed = parseAnswer(raw.text, request.schema, request.salvage);
    if (parsed.ok) return { ok: true, value: parsed.value };
    return fail(
      parsed.code === 'not-json' ? 'ANSWER_NOT_JSON' : 'ANSWER_INVALID',
      `${parsed.message}.`,
      false,
    );
  }

  /** One answer, through retries and the fall-back of response formats. */
  async #complete<S extends z.ZodType>(
    request: TeacherRequest<S>,
    messages: readonly ChatMessage[],
  ): Promise<RawAnswer> {
    const mode = this.#options.structuredOutputs ?? 'auto';
    const formats = buildResponseFormats(mode, request.stage, request.schema);
    for (;;) {
      const spoken = { ...this.#dialect };
      const format = formats[Math.min(spoken.formatLevel, formats.length - 1)] ?? null;
      try {
        return await this.#retrying(request.stage, request.signal, request.onRetry, () =>
          this.#send(request, messages, format),
        );
      } catch (error) {
        if (!TeacherRequestError.isInstance(error)) throw error;
        if (!adaptDialect(this.#dialect, spoken, error.message, formats.length)) throw error;
      }
    }
  }

  async #send<S extends z.ZodType>(
    request: TeacherRequest<S>,
    messages: readonly ChatMessage[],
    format: ResponseFormat,
  ): Promise<RawAnswer> {
    const { data, response } = await withChildSignal(request.signal, (signal) =>
      this.#openai.chat.completions
        .create(
          {
            model: this.model,
            messages: messages.map((message) => ({ ...message })),
            [this.#dialect.tokensField]: this.#options.maxOutputTokens ?? 16_384,
            ...(this.#dialect.temperature ? { temperature: request.temperature ?? 0 } : {}),
            ...(request.seed === undefined || !this.#dialect.seed ? {} : { seed: request.seed }),
            ...(format === null ? {} : { response_format: format }),
          },
          { signal },
        )
        .withResponse(),
    );
    const choice = data?.choices?.[0];
    const text = typeof choice?.message?.content === 'string' ? choice.message.content : '';
    this.#count(data, messages, text);
    if (choice === undefined)
      throw new TypeError(`no "choices" in the answer: ${JSON.stringify(data ?? null).slice(0, 200)}`);
    return {
      text,
      finishReason: choice.finish_reason ?? null,
      refusal: choice.message?.refusal ?? null,
      model: typeof data.model === 'string' && data.model !== '' ? data.model : this.model,
      replayed:
        response.headers.get('x-srcode-replayed') === '1' || data.system_fingerprint === 'srcode-replay',
    };
  }

  #count(data: OpenAI.ChatCompletion | undefined, messages: readonly ChatMessage[], text: string): void {
    const given = data?.usage;
    const isCount = (value: unknown): value is number =>
      Number.isSafeInteger(value) && (value as number) >= 0;
    const estimated = !isCount(given?.prompt_tokens) || !isCount(given?.completion_tokens);
    const inputChars = messages.reduce((sum, message) => sum + message.content.length, 0);
    const inputTokens = isCount(given?.prompt_tokens) ? given.prompt_tokens : Math.ceil(inputChars / 4);
    const outputTokens = isCount(given?.completion_tokens)
      ? given.completion_tokens
      : Math.ceil(text.length / 4);
    const cost = priceTokens(inputTokens, outputTokens, this.#options.price);
    this.#usage = addUsage(this.#usage, { requests: 1, inputTokens, outputTokens, cost, estimated });
  }

  /** Runs `body` with bounded retries; every failure leaves as a typed error. */
  async #retrying<T>(
    stage: StageName,
    signal: AbortSignal | undefined,
    onRetry: ((notice: RetryNotice) => void) | undefined,
    body: () => Promise<T>,
  ): Promise<T> {
    const attempt = async (): Promise<T> => {
      await waitMs(this.#notBeforeMs - this.#clock.now(), signal);
      try {
        const result = await body();
        this.#hasAnswered = true;
        return result;
      } catch (error) {
        if (error instanceof APIError && error.status !== undefined) this.#hasAnswered = true;
        this.#obeyRetryAfter(error);
        throw mapTeacherError(error, this.#facts, signal);
      }
    };
    try {
      return await pRetry(attempt, {
        retries: this.#options.retries ?? 5,
        minTimeout: this.#options.retryDelayMs ?? 1000,
        maxTimeout: 60_000,
        randomize: true,
        signal,
        shouldRetry: ({ error, attemptNumber }) => this.#mayRetry(error as SrcodeError, attemptNumber),
        onFailedAttempt: ({ error, attemptNumber, retriesLeft }) => {
          const failure = error as SrcodeError;
          if (retriesLeft > 0 && this.#mayRetry(failure, attemptNumber))
            onRetry?.({ stage, attempt: attemptNumber, code: failure.code, message: failure.message });
        },
      });
    } catch (error) {
      if (signal?.aborted) throw new CancelledError('Cancelled; finished work is kept.', signal.reason);
      throw error;
    }
  }

  /** A server that has never answered is most likely not there: two retries, then say so. */
  #mayRetry(failure: SrcodeError, attempt: number): boolean {
    if (TeacherUnreachableError.isInstance(failure) && !this.#hasAnswered && attempt > 2) return false;
    return isRetryable(failure);
  }

  #obeyRetryAfter(error: unknown): void {
    if (!(error instanceof APIError)) return;
    const nowMs = this.#clock.now();
    const waitForMs = readRetryAfterMs(error.headers, nowMs);
    if (waitForMs === null) return;
    const maxMs = this.#options.maxRetryAfterMs ?? 120_000;
    if (waitForMs > maxMs && error.status === 429)
      throw new TeacherRateLimitError({
        code: 'TEACHER_QUOTA_SPENT',
        message: `The teacher at ${this.baseUrl} asks to wait ${Math.ceil(waitForMs / 1000)} s, more than the ${Math.ceil(maxMs / 1000)} s allowed. Run the same command again later; finished work is kept.`,
        context: { baseUrl: this.baseUrl, retryAfterMs: waitForMs },
      });
    this.#notBeforeMs = Math.max(this.#notBeforeMs, nowMs + Math.min(waitForMs, maxMs));
  }
}

function pickOrigin(raw: RawAnswer): { readonly model: string; readonly replayed: boolean } {
  return { model: raw.model, replayed: raw.replayed };
}
