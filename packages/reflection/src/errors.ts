import { EnvironmentError, InputError, SrcodeError } from '@srcode/core';

/** No connection to the teacher after all retries: nothing listens there, the name does not resolve, the network is down. */
export class TeacherUnreachableError extends EnvironmentError {}

/** 401 or 403: the key is missing, wrong, or may not use this model. */
export class TeacherAuthError extends EnvironmentError {}

/** 404: the server has no such path or model. */
export class TeacherNotFoundError extends InputError {}

/** 429 after all retries, or a used-up quota. */
export class TeacherRateLimitError extends EnvironmentError {}

/** 5xx after all retries. */
export class TeacherServerError extends EnvironmentError {}

/** No complete answer within the request's time, after all retries. */
export class TeacherTimeoutError extends EnvironmentError {}

/** 400, 413 or 422: this one request was refused, for example because it is longer than the model's context. */
export class TeacherRequestError extends SrcodeError {}

/** The teacher answered, and the answer cannot be used: not JSON, wrong shape, cut short, refused, too large. */
export class TeacherAnswerError extends SrcodeError {}

/** A replay server holds no recorded answer: for the function, or for this stage or round of it. */
export class NoRecordedAnswerError extends SrcodeError {}

/** True for errors after which every further request would fail too: the run stops, finished work is kept. */
export function isFatalTeacherError(error: unknown): error is SrcodeError {
  return (
    TeacherUnreachableError.isInstance(error) ||
    TeacherAuthError.isInstance(error) ||
    TeacherNotFoundError.isInstance(error) ||
    TeacherRateLimitError.isInstance(error)
  );
}
