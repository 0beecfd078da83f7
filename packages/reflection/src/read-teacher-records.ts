import { type MalformedLineError, parseJsonlLine, readJsonl, readLines } from '@srcode/core';
import { importPrimeVulPlusMini } from '@srcode/dataset';
import { z } from 'zod';
import { type ReflectionRecord, reflectionRecordSchema } from './schemas.js';

export interface ReadTeacherRecordsOptions {
  readonly onError?: (error: MalformedLineError) => void;
  readonly signal?: AbortSignal;
}

/** True for the layout with `repair` and snake-case keys, decided by the first line. */
async function isRawLayout(path: string): Promise<boolean> {
  for await (const line of readLines(path)) return 'repair' in parseJsonlLine(line, z.looseObject({}), path);
  return false;
}

/**
 * Recorded teacher answers of a JSON Lines file, streamed: PrimeVul+ records (ours, with or without
 * votes), or rows with `repair`, `diagnosis {cwe, root_cause, vulnerable_lines}`, `reflections`, `prompts`.
 *
 * Throws `MalformedLineError` on the first bad line unless `onError` is given.
 */
export async function* readTeacherRecords(
  path: string,
  options: ReadTeacherRecordsOptions = {},
): AsyncGenerator<ReflectionRecord> {
  const { onError, signal } = options;
  if (await isRawLayout(path)) {
    const records = importPrimeVulPlusMini(path, onError ? { onError: 'collect' } : {});
    for (;;) {
      const step = await records.next();
      if (step.done) {
        for (const error of step.value.errors) onError?.(error);
        return;
      }
      yield { ...step.value, votes: [] };
    }
  }
  yield* readJsonl(path, reflectionRecordSchema, {
    ...(onError ? { onError } : {}),
    ...(signal ? { signal } : {}),
  });
}
