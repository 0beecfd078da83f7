import { CancelledError, SrcodeError, type SrcodeErrorOptions } from '@srcode/core';
import { APIConnectionError, APIConnectionTimeoutError, APIError, APIUserAbortError } from 'openai';
import {
  NoRecordedAnswerError,
  TeacherAnswerError,
  TeacherAuthError,
  TeacherNotFoundError,
  TeacherRateLimitError,
  TeacherRequestError,
  TeacherServerError,
  TeacherTimeoutError,
  TeacherUnreachableError,
} from '../errors.js';
import { TOO_LARGE_HEADER } from './limited-fetch.js';

export interface ErrorFacts {
  /** Without user name, password and query. */
  readonly baseUrl: string;
  readonly model: string;
  readonly timeoutMs: number;
  readonly redact: (text: string) => string;
}

/** 500 characters of a server's message: enough to act on, short enough for a log line. */
const MAX_MESSAGE_CHARS = 500;

function innermostCause(error: unknown): NodeJS.ErrnoException | undefined {
  let found: unknown = error;
  for (let depth = 0; depth < 5 && found instanceof Error && found.cause instanceof Error; depth++)
    found = found.cause;
  return found instanceof Error ? (found as NodeJS.ErrnoException) : undefined;
}

function bodyOf(error: APIError): {
  readonly code: string | null;
  readonly scope: string | null;
  readonly message: string;
} {
  const body = (error.error ?? {}) as Record<string, unknown>;
  return {
    code: typeof body.code === 'string' ? body.code : null,
    scope: typeof body.param === 'string' ? body.param : null,
    message: typeof body.message === 'string' ? body.message : error.message,
  };
}

function mapConnection(error: APIConnectionError, facts: ErrorFacts): SrcodeError {
  if (error instanceof APIConnectionTimeoutError)
    return new TeacherTimeoutError({
      code: 'TEACHER_TIMEOUT',
      message: `Expected a complete answer from the teacher at ${facts.baseUrl} within ${facts.timeoutMs} ms, got none. Raise the timeout, lower the concurrency, or look at the server's load.`,
      context: { baseUrl: facts.baseUrl, timeoutMs: facts.timeoutMs },
    });
  const cause = innermostCause(error);
  const reason = cause?.code ?? cause?.message ?? 'connection failed';
  return new TeacherUnreachableError({
    code: 'TEACHER_UNREACHABLE',
    message: `Expected an OpenAI-compatible server at ${facts.baseUrl}, could not get an answer (${facts.redact(reason)}). Check that it runs and that the URL is right (most end in /v1), then run the same command again; finished work is kept.`,
    context: { baseUrl: facts.baseUrl, systemCode: cause?.code ?? null },
  });
}

function mapStatus(error: APIError, facts: ErrorFacts): SrcodeError {
  const { code, scope, message } = bodyOf(error);
  const said = facts.redact(message).slice(0, MAX_MESSAGE_CHARS);
  const status = error.status as number | undefined;
  const context = { baseUrl: facts.baseUrl, model: facts.model, status, serverCode: code };
  const make = (
    Kind: new (options: SrcodeErrorOptions) => SrcodeError,
    kind: string,
    text: string,
  ): SrcodeError => new Kind({ code: kind, message: text, context });
  if (code === 'no_recorded_answer')
    return new NoRecordedAnswerError({
      code: 'NO_RECORDED_ANSWER',
      message: said,
      context: { ...context, scope },
    });
  if (error.headers?.get(TOO_LARGE_HEADER) === '1')
    return make(
      TeacherAnswerError,
      'ANSWER_TOO_LARGE',
      `Expected an answer within the size limit, got an ${said}.`,
    );
  if (status === 401 || status === 403)
    return make(
      TeacherAuthError,
      'TEACHER_UNAUTHORIZED',
      `The teacher at ${facts.baseUrl} refused the key (${status}: ${said}). Set a key that may use model "${facts.model}".`,
    );
  if (status === 404)
    return make(
      TeacherNotFoundError,
      'TEACHER_NOT_FOUND',
      `The server at ${facts.baseUrl} knows no model "${facts.model}" or no chat/completions path (404: ${said}). Check model name and base URL (most end in /v1).`,
    );
  if (status === 429)
    return make(
      TeacherRateLimitError,
      code === 'insufficient_quota' ? 'TEACHER_QUOTA_SPENT' : 'TEACHER_RATE_LIMITED',
      `The teacher at ${facts.baseUrl} still refuses requests for their number after all retries (429: ${said}). Lower the concurrency or wait, then run the same command again; finished work is kept.`,
    );
  if (status !== undefined && (status >= 500 || status === 408 || status === 409))
    return make(
      TeacherServerError,
      'TEACHER_SERVER_ERROR',
      `The teacher at ${facts.baseUrl} failed (${status}: ${said}) after all retries. Look at its log, then run the same command again; finished work is kept.`,
    );
  return make(
    TeacherRequestError,
    'TEACHER_REQUEST_REFUSED',
    `The teacher at ${facts.baseUrl} refused this request (${status ?? 'no status'}: ${said}). A function longer than the model's context is the usual reason.`,
  );
}

/**
 * The typed error for whatever the SDK threw. The SDK's own error is not kept as cause: its body may
 * repeat the key or the whole request.
 */
export function mapTeacherError(
  error: unknown,
  facts: ErrorFacts,
  signal: AbortSignal | undefined,
): SrcodeError {
  if (SrcodeError.isInstance(error)) return error;
  if (signal?.aborted || error instanceof APIUserAbortError)
    return new CancelledError('Cancelled; finished work is kept.', signal?.reason);
  if (error instanceof APIConnectionError) return mapConnection(error, facts);
  if (error instanceof APIError) return mapStatus(error, facts);
  // A 200 whose body is not JSON ends here: some proxies answer with an HTML page.
  return new TeacherServerError({
    code: 'TEACHER_NOT_OPENAI',
    message: `Expected an OpenAI-compatible answer from ${facts.baseUrl}, got something else (${facts.redact((error as Error).message ?? String(error)).slice(0, MAX_MESSAGE_CHARS)}). Is this the base URL of an OpenAI-compatible server (most end in /v1)?`,
    context: { baseUrl: facts.baseUrl },
  });
}

/** True for errors that a later attempt may not meet. */
export function isRetryable(error: SrcodeError): boolean {
  return (
    error.code !== 'TEACHER_QUOTA_SPENT' &&
    (TeacherUnreachableError.isInstance(error) ||
      TeacherTimeoutError.isInstance(error) ||
      TeacherRateLimitError.isInstance(error) ||
      TeacherServerError.isInstance(error))
  );
}

/** Milliseconds that `retry-after-ms` or `retry-after` (seconds or HTTP date) ask for, or null. */
export function readRetryAfterMs(headers: Headers | undefined, nowMs: number): number | null {
  const inMs = headers?.get('retry-after-ms');
  if (inMs !== null && inMs !== undefined && Number.isFinite(Number(inMs))) return Math.max(0, Number(inMs));
  const value = headers?.get('retry-after');
  if (value === null || value === undefined || value.trim() === '') return null;
  if (Number.isFinite(Number(value))) return Math.max(0, Number(value) * 1000);
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}
