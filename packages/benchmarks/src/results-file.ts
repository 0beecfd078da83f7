import { readFile } from 'node:fs/promises';
import { wrapFileError, writeFileAtomic } from '@srcode/core';
import type { z } from 'zod';
import { BenchmarkInputError } from './errors.js';
import { type BenchmarkResults, benchmarkResultsSchema } from './schemas.js';

function describeIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue ? `field "${issue.path.map(String).join('.')}": ${issue.message}` : 'invalid';
}

/** Writes `results.json`, whole or not at all. Throws `BenchmarkInputError` when it does not fit the schema. */
export async function writeResults(path: string, results: BenchmarkResults): Promise<void> {
  const parsed = benchmarkResultsSchema.safeParse(results);
  if (!parsed.success)
    throw new BenchmarkInputError({
      code: 'BENCH_RESULTS_INVALID',
      message: `${path}: not written, ${describeIssue(parsed.error)}.`,
      context: { path },
      cause: parsed.error,
    });
  await writeFileAtomic(path, `${JSON.stringify(parsed.data, null, 2)}\n`);
}

/** Reads and validates `results.json`. Throws `BenchmarkInputError` naming the field. */
export async function readResults(path: string): Promise<BenchmarkResults> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    if (cause instanceof SyntaxError)
      throw new BenchmarkInputError({
        code: 'BENCH_RESULTS_NOT_JSON',
        message: `${path}: expected the results of a run as JSON, got text that does not parse (${cause.message}). Run the report stage again.`,
        context: { path },
        cause,
      });
    throw wrapFileError(cause, path, 'read');
  }
  const parsed = benchmarkResultsSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new BenchmarkInputError({
    code: 'BENCH_RESULTS_INVALID',
    message: `${path}: ${describeIssue(parsed.error)}. Is this the results.json of a run?`,
    context: { path },
    cause: parsed.error,
  });
}
