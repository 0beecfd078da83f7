import { basename } from 'node:path';
import { MalformedLineError, readLines, sha256Hex } from '@srcode/core';
import { z } from 'zod';
import { lexTokens, tokenOverlap } from '../internal/lexical-text.js';
import { quoteLongIntegers } from '../internal/quote-long-integers.js';
import type { VulnerableFunction } from '../schemas.js';
import { detectLanguage } from './detect-language.js';
import { findFunctionName } from './find-function-name.js';
import { type ImportOptions, type ImportReport, ImportTally } from './import-options.js';
import {
  codeText,
  createIdRegistry,
  cweList,
  decimalHash,
  initialGroup,
  optionalText,
  type ReadRow,
  readRows,
} from './read-rows.js';

const rowSchema = z.object({
  idx: z.union([z.number().int(), z.string()]).nullish(),
  project: optionalText,
  commit_id: optionalText,
  commit_message: optionalText,
  target: z.union([z.literal(0), z.literal(1)], { error: 'expected 0 or 1' }),
  func: codeText,
  func_hash: decimalHash,
  file_name: optionalText,
  file_hash: decimalHash,
  cwe: cweList,
  cve: optionalText,
  cve_desc: optionalText,
});
type Row = z.output<typeof rowSchema>;

export interface ImportPrimeVulOptions extends ImportOptions {
  /**
   * `paired`: rows 2k and 2k+1 are a vulnerable function and its fix. `unpaired`: each vulnerable row stands
   * alone, without a fix. `auto` (default): by the file's name and its first rows.
   */
  readonly layout?: 'auto' | 'paired' | 'unpaired';
}

/** Two functions of less lexical overlap than this, with different names, are not one function before and after. */
const MIN_PAIR_OVERLAP = 0.7;
const ROWS_TO_JUDGE = 20;

/** Why two neighbouring rows are not a pair, or null when they are one. */
function describePairMismatch(a: Row, b: Row): { field: string; problem: string } | null {
  if (a.commit_id !== b.commit_id) {
    return { field: 'commit_id', problem: `${a.commit_id ?? 'none'} and ${b.commit_id ?? 'none'} differ` };
  }
  if (a.target === b.target) {
    return { field: 'target', problem: `both rows are ${a.target}, expected one 1 and one 0` };
  }
  const names = [findFunctionName(a.func), findFunctionName(b.func)] as const;
  if (names[0] !== null && names[0] === names[1]) return null;
  const overlap = tokenOverlap(lexTokens(a.func), lexTokens(b.func));
  if (overlap >= MIN_PAIR_OVERLAP && a.commit_id !== null) return null;
  return {
    field: 'func',
    problem: `functions ${names[0] ?? '?'} and ${names[1] ?? '?'} share too little to be one function before and after`,
  };
}

/** Whether the first rows say that the file is paired; the file's name decides where they do not. */
async function judgeLayout(path: string): Promise<'paired' | 'unpaired'> {
  if (/(?:^|[^a-z])paired/i.test(basename(path))) return 'paired';
  const rows: Row[] = [];
  for await (const line of readLines(path)) {
    try {
      rows.push(rowSchema.parse(JSON.parse(quoteLongIntegers(line.text))));
    } catch {
      break;
    }
    if (rows.length >= ROWS_TO_JUDGE) break;
  }
  const pairs = Math.floor(rows.length / 2);
  for (let k = 0; k < pairs; k++) {
    if (describePairMismatch(rows[2 * k]!, rows[2 * k + 1]!) !== null) return 'unpaired';
  }
  return pairs > 0 ? 'paired' : 'unpaired';
}

function toRecord(
  row: Row,
  fix: Row | null,
  options: ImportPrimeVulOptions,
  uniqueId: (id: string) => string,
): VulnerableFunction {
  const either = <K extends keyof Row>(key: K): Row[K] => (row[key] ?? fix?.[key] ?? null) as Row[K];
  const id = uniqueId(`primevul-${row.idx ?? sha256Hex(row.func).slice(0, 16)}`);
  const project = either('project') ?? 'unknown';
  const commit = either('commit_id');
  return {
    id,
    project,
    commit,
    cve: either('cve'),
    cwe: row.cwe.length > 0 ? row.cwe : (fix?.cwe ?? []),
    language: detectLanguage(either('file_name'), row.func),
    functionName: findFunctionName(row.func),
    vulnerable: row.func,
    humanFix: fix?.func ?? null,
    description: either('cve_desc'),
    commitMessage: either('commit_message'),
    file: either('file_name'),
    source: options.source ?? 'PrimeVul',
    license: options.license ?? null,
    upstreamHash: row.func_hash,
    group: initialGroup(project, commit, id),
    split: 'train',
  };
}

function notPaired(path: string, lineNumber: number, field: string, problem: string): MalformedLineError {
  return new MalformedLineError({
    code: 'PRIMEVUL_NOT_A_PAIR',
    message: `${path}:${lineNumber}: field "${field}": expected this row and the next to be one function before and after its fix (${problem}). Import with layout "unpaired" if the file is not a paired one.`,
    context: { path, line: lineNumber, field },
  });
}

/**
 * Vulnerable functions of a PrimeVul v0.1 JSON Lines file, streamed in file order; returns the report.
 *
 * Paired files: rows 2k and 2k+1 become one record with its human fix, after checking that their commits
 * are equal, that one is vulnerable and the other not, and that they are versions of one function. Rows are
 * never matched by commit alone. A bad line spoils its own pair and shifts no other. Unpaired files: rows
 * with target 0 are counted as skipped. Every record gets split `train` and a group of its commit;
 * `assignSplits` decides both afterwards.
 *
 * @throws MalformedLineError (file, line, field) on the first bad line unless `onError` is `collect`.
 */
export async function* importPrimeVul(
  path: string,
  options: ImportPrimeVulOptions = {},
): AsyncGenerator<VulnerableFunction, ImportReport> {
  const layout =
    options.layout === undefined || options.layout === 'auto' ? await judgeLayout(path) : options.layout;
  const tally = new ImportTally(options);
  const uniqueId = createIdRegistry();
  let first: ReadRow<Row> | undefined;
  for await (const read of readRows(path, rowSchema, options, tally)) {
    if (layout === 'unpaired') {
      if (read.row?.target === 0) tally.skip('not-vulnerable');
      else if (read.row) {
        tally.records++;
        yield toRecord(read.row, null, options, uniqueId);
      }
      continue;
    }
    if (first === undefined) {
      first = read;
      continue;
    }
    const [a, b] = [first.row, read.row];
    const { lineNumber } = first;
    first = undefined;
    if (!a || !b) {
      if (a || b) tally.skip('partner-malformed');
      continue;
    }
    const mismatch = describePairMismatch(a, b);
    if (mismatch) {
      tally.fail(notPaired(path, lineNumber, mismatch.field, mismatch.problem));
      continue;
    }
    tally.records++;
    yield a.target === 1 ? toRecord(a, b, options, uniqueId) : toRecord(b, a, options, uniqueId);
  }
  if (first?.row) tally.fail(notPaired(path, first.lineNumber, 'target', 'the file ends after one row'));
  return tally.report();
}
