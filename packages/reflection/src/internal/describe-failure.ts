import {
  NoRecordedAnswerError,
  TeacherAnswerError,
  TeacherRequestError,
  TeacherServerError,
  TeacherTimeoutError,
} from '../errors.js';
import type { FailureCode } from '../schemas.js';

/** The failure code of an error that concerns one function, or null for an error that should stop the run. */
export function toFailureCode(error: unknown): FailureCode | null {
  if (NoRecordedAnswerError.isInstance(error)) return 'no-record';
  if (TeacherAnswerError.isInstance(error))
    return error.code.toLowerCase().replaceAll('_', '-') as FailureCode;
  if (TeacherRequestError.isInstance(error)) return 'request-refused';
  if (TeacherServerError.isInstance(error)) return 'server-error';
  if (TeacherTimeoutError.isInstance(error)) return 'timeout';
  return null;
}

/** Failures of the server rather than of the function: tried again on the next run. */
export function isTransientFailure(code: FailureCode): boolean {
  return code === 'server-error' || code === 'timeout';
}
