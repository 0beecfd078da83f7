import { MalformedLineError, parseJsonlLine, readLines } from '@srcode/core';
import { z } from 'zod';
import { quoteLongIntegers } from '../internal/quote-long-integers.js';
import { type ImportOptions, type ImportReport, ImportTally } from './import-options.js';
import { normaliseCwe } from './normalise-cwe.js';

/** A string, with null for what data sets write when they have none. */
export const optionalText = z
  .string()
  .nullish()
  .transform((text) =>
    text === undefined || text === null || /^(?:\s*|none|null|nan)$/i.test(text) ? null : text,
  );

/** CWE identifiers out of any of the shapes that data sets use. */
export const cweList = z
  .unknown()
  .optional()
  .transform((value, context) => {
    const list = normaliseCwe(value);
    if (list) return list;
    context.addIssue({
      code: 'custom',
      message: `expected a CWE identifier, a list of them or null, got ${typeof value}`,
    });
    return z.NEVER;
  });

/** Decimal digits as a string; null when missing. Long integers arrive here as strings already. */
export const decimalHash = z
  .union([
    z.string().regex(/^\d+$/, 'expected a decimal integer'),
    z
      .number()
      .int()
      .nonnegative()
      .refine((value) => Number.isSafeInteger(value), 'expected a decimal integer')
      .transform(String),
  ])
  .nullish()
  .transform((value) => value ?? null);

/** A function text; white space alone is none. */
export const codeText = z
  .string()
  .refine((text) => text.trim() !== '', 'expected the text of a function, got nothing');

export interface ReadRow<T> {
  readonly lineNumber: number;
  /** Undefined where the line was malformed and the caller collects errors. */
  readonly row: T | undefined;
}

/** Validated rows of a JSON Lines file in order, malformed lines included as gaps, so that row positions hold. */
export async function* readRows<S extends z.ZodType>(
  path: string,
  schema: S,
  options: ImportOptions,
  tally: ImportTally,
): AsyncGenerator<ReadRow<z.output<S>>> {
  for await (const line of readLines(path, options)) {
    tally.lines++;
    let row: z.output<S> | undefined;
    try {
      row = parseJsonlLine({ ...line, text: quoteLongIntegers(line.text) }, schema, path);
    } catch (error) {
      if (!MalformedLineError.isInstance(error)) throw error;
      tally.fail(error as MalformedLineError);
    }
    yield { lineNumber: line.lineNumber, row };
  }
}

/** What a record takes from its row whatever the layout. */
export interface RowOrigin {
  /** The row's own id, made unique within the file. */
  readonly id: string;
  readonly project: string;
  readonly group: string;
}

/** One record of every good row, streamed in file order; returns the report. For layouts of one record per line. */
export async function* importRows<
  S extends z.ZodType<{ id: string; project: string | null; commit: string | null }>,
  T,
>(
  path: string,
  schema: S,
  options: ImportOptions,
  toRecord: (row: z.output<S>, origin: RowOrigin) => T,
): AsyncGenerator<T, ImportReport> {
  const tally = new ImportTally(options);
  const uniqueId = createIdRegistry();
  for await (const { row } of readRows(path, schema, options, tally)) {
    if (!row) continue;
    const id = uniqueId(row.id);
    const project = row.project ?? 'unknown';
    tally.records++;
    yield toRecord(row, { id, project, group: initialGroup(project, row.commit, id) });
  }
  return tally.report();
}

/** Hands out each id once: a repeated id gets `-2`, `-3`, … so that no record hides another. */
export function createIdRegistry(): (id: string) => string {
  const seen = new Map<string, number>();
  return (id) => {
    for (;;) {
      const count = (seen.get(id) ?? 0) + 1;
      seen.set(id, count);
      if (count === 1) return id;
      const candidate = `${id}-${count}`;
      if (!seen.has(candidate)) {
        seen.set(candidate, 1);
        return candidate;
      }
    }
  };
}

/** The group that a record starts with, before `assignSplits` joins near-duplicates: its project and commit, or itself. */
export function initialGroup(project: string, commit: string | null, id: string): string {
  return commit === null ? `record:${id}` : `commit:${project}@${commit}`;
}
