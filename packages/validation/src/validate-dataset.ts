import { type ProgressEvent, throwIfCancelled } from '@srcode/core';
import type { Judge } from './judge.js';
import type { ValidationReport } from './schemas.js';
import { createTally } from './tally.js';
import type { ValidationInput, ValidationVerdict } from './types.js';
import { type ValidateRecordOptions, validateRecord, validateRecordWithJudge } from './validate-record.js';

export interface ValidateDatasetOptions extends ValidateRecordOptions {
  readonly judge?: Judge;
  /** Number of records, where known, for progress. */
  readonly total?: number;
  /** Records between two progress events. Default 50. */
  readonly progressEvery?: number;
  readonly signal?: AbortSignal;
}

export type ValidationEvent<R extends ValidationInput> =
  | ProgressEvent
  | { readonly type: 'record'; readonly record: R; readonly verdict: ValidationVerdict };

/**
 * Validates records as they come, yields each with its verdict, and returns the report.
 *
 * Holds one record at a time. Throws `CancelledError` on abort.
 */
export async function* validateDataset<R extends ValidationInput>(
  records: AsyncIterable<R> | Iterable<R>,
  options: ValidateDatasetOptions = {},
): AsyncGenerator<ValidationEvent<R>, ValidationReport> {
  const { judge, progressEvery = 50, signal, total } = options;
  const tally = createTally(judge?.name ?? null);
  for await (const record of records) {
    throwIfCancelled(signal);
    const verdict = judge
      ? await validateRecordWithJudge(record, judge, options)
      : validateRecord(record, options);
    tally.add(record, verdict);
    yield { type: 'record', record, verdict };
    const { accepted, total: seen } = tally.counts();
    if (seen % progressEvery === 0)
      yield {
        type: 'progress',
        stage: 'validation',
        completed: seen,
        total,
        metrics: { accepted, rejected: seen - accepted },
      };
  }
  return tally.report();
}
