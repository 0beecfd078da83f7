import type { MalformedLineError, ReadLinesOptions } from '@srcode/core';

export interface ImportOptions extends ReadLinesOptions {
  /** `throw` (default) stops at the first bad line; `collect` skips it and lists it in the report. */
  readonly onError?: 'throw' | 'collect';
  /** Name kept in each record's `source`. Default: the layout's own. */
  readonly source?: string;
  /** Kept in each record's `license` where the file itself says nothing. */
  readonly license?: string | null;
}

/** What became of a file's lines. */
export interface ImportReport {
  /** Non-empty lines read, bad ones included. */
  readonly lines: number;
  /** Records yielded. */
  readonly records: number;
  /** Lines left out on purpose, by reason, e.g. `not-vulnerable`. */
  readonly skipped: Readonly<Record<string, number>>;
  /** Bad lines (or row pairs) under `onError: 'collect'`. */
  readonly errorCount: number;
  /** The first 1,000 of them. */
  readonly errors: readonly MalformedLineError[];
}

/** Enough to see what is wrong with a file without holding an error for each of its lines. */
const MAX_KEPT_ERRORS = 1000;

/** Counts for an `ImportReport`; `fail` throws or collects as the caller of the import chose. */
export class ImportTally {
  lines = 0;
  records = 0;
  errorCount = 0;
  readonly #skipped: Record<string, number> = {};
  readonly #errors: MalformedLineError[] = [];
  readonly #mode: 'throw' | 'collect';

  constructor(options: ImportOptions) {
    this.#mode = options.onError ?? 'throw';
  }

  skip(reason: string): void {
    this.#skipped[reason] = (this.#skipped[reason] ?? 0) + 1;
  }

  fail(error: MalformedLineError): void {
    if (this.#mode === 'throw') throw error;
    this.errorCount++;
    if (this.#errors.length < MAX_KEPT_ERRORS) this.#errors.push(error);
  }

  report(): ImportReport {
    return {
      lines: this.lines,
      records: this.records,
      skipped: { ...this.#skipped },
      errorCount: this.errorCount,
      errors: [...this.#errors],
    };
  }
}
