import { join } from 'node:path';
import { InputError, throwIfCancelled, writeFileAtomic } from '@srcode/core';
import { computeStats } from '../compute-stats.js';
import { type PrimeVulPlusRecord, type Split, splitSchema } from '../schemas.js';
import { toSftExamples } from './chat-messages.js';
import { type ExportableRecord, recordColumns, shapeOf, toRecordRow } from './record-columns.js';
import { toVerlRows, verlColumns, verlSchema } from './verl-rows.js';
import { formatDatasetCard } from './write-dataset-card.js';
import { writeJsonlAtomic } from './write-jsonl.js';
import { writeParquet } from './write-parquet.js';

/** Records that can be read more than once; a `Dataset` is one. */
export interface RecordSource {
  records(): Iterable<ExportableRecord> | AsyncIterable<ExportableRecord>;
}

/**
 * `jsonl`: the records. `parquet`: the records as nested columns. `verl`: Parquet with verl's columns, one row
 * per prompt. `hf`: a Hugging Face dataset folder (card + Parquet per split). `sft`: chat messages, one line per prompt.
 */
export type ExportFormat = 'jsonl' | 'parquet' | 'verl' | 'hf' | 'sft';

export interface ExportDatasetOptions {
  readonly format: ExportFormat;
  /** A folder; files in it are `<split>.jsonl` or `<split>.parquet` (under `data/` for `hf`). */
  readonly out: string;
  /** Put before each prompt by `verl` and `sft`. */
  readonly systemPrompt?: string;
  /** verl's `data_source` and the card's title. Default `srcode/prime-vul-plus`. */
  readonly name?: string;
  /** Labels of synthetic parts for the card. */
  readonly synthetic?: readonly string[];
  readonly signal?: AbortSignal;
}

export interface ExportedFile {
  readonly path: string;
  readonly split: Split;
  readonly rows: number;
}

export interface ExportReport {
  readonly format: ExportFormat;
  readonly files: readonly ExportedFile[];
  readonly rows: number;
}

/** Streams one split's records. */
async function* recordsOf(
  source: RecordSource,
  split: Split,
  signal: AbortSignal | undefined,
): AsyncGenerator<ExportableRecord> {
  for await (const record of source.records()) {
    throwIfCancelled(signal);
    if (record.split === split) yield record;
  }
}

function expectPrompts(record: ExportableRecord, format: ExportFormat): PrimeVulPlusRecord {
  if (shapeOf(record) === 'prime-vul-plus') return record as PrimeVulPlusRecord;
  throw new InputError({
    code: 'DATASET_NO_PROMPTS',
    message: `Format "${format}" needs PrimeVul+ records with prompts; record ${record.id} has none. Build the data set first, or export as jsonl, parquet or hf.`,
    context: { id: record.id, format },
  });
}

async function* verlRows(records: AsyncIterable<ExportableRecord>, options: ExportDatasetOptions) {
  let index = 0;
  for await (const record of records) {
    const plus = expectPrompts(record, 'verl');
    for (const row of toVerlRows(plus, index, options.name ?? defaultName, options.systemPrompt)) {
      index++;
      yield { ...row, extra_info: { ...row.extra_info, index: BigInt(row.extra_info.index) } };
    }
  }
}

async function* sftLines(records: AsyncIterable<ExportableRecord>, options: ExportDatasetOptions) {
  for await (const record of records)
    yield* toSftExamples(expectPrompts(record, 'sft'), options.systemPrompt);
}

async function* recordRows(records: AsyncIterable<ExportableRecord>) {
  for await (const record of records) yield toRecordRow(record);
}

const defaultName = 'srcode/prime-vul-plus';

/** Splits that hold records, in the order train, validation, test, and the type of the records. */
async function survey(source: RecordSource, signal: AbortSignal | undefined) {
  const found = new Set<Split>();
  let first: ExportableRecord | undefined;
  for await (const record of source.records()) {
    throwIfCancelled(signal);
    first ??= record;
    found.add(record.split);
    if (shapeOf(record) !== shapeOf(first)) {
      throw new InputError({
        code: 'DATASET_MIXED_RECORDS',
        message: `Expected records of one type, got ${shapeOf(first)} (${first.id}) and ${shapeOf(record)} (${record.id}). Export them apart.`,
        context: { ids: [first.id, record.id] },
      });
    }
  }
  if (!first) {
    throw new InputError({
      code: 'DATASET_EMPTY',
      message: 'Expected at least one record to export, got none. Check what validation rejected.',
    });
  }
  return { splits: splitSchema.options.filter((split) => found.has(split)), shape: shapeOf(first) };
}

/**
 * Writes the records to files of another format, one per split, each put in place once whole; streamed.
 * Returns the files with their row counts.
 *
 * @throws InputError for no records, records of several types, or `verl`/`sft` of records without prompts.
 */
export async function exportDataset(
  source: RecordSource,
  options: ExportDatasetOptions,
): Promise<ExportReport> {
  const { splits, shape } = await survey(source, options.signal);
  const files: ExportedFile[] = [];
  for (const split of splits) {
    const records = recordsOf(source, split, options.signal);
    const stem = join(options.out, options.format === 'hf' ? `data/${split}-00000-of-00001` : split);
    files.push({ split, ...(await writeSplit(stem, records, shape, options)) });
  }
  if (options.format === 'hf') {
    const stats = await computeStats(source.records(), options.signal ? { signal: options.signal } : {});
    const card = formatDatasetCard({
      name: options.name ?? defaultName,
      shape,
      stats,
      files: Object.fromEntries(splits.map((split) => [split, `data/${split}-*.parquet`])),
      synthetic: options.synthetic ?? [],
    });
    await writeFileAtomic(join(options.out, 'README.md'), card);
  }
  return { format: options.format, files, rows: files.reduce((sum, file) => sum + file.rows, 0) };
}

async function writeSplit(
  stem: string,
  records: AsyncIterable<ExportableRecord>,
  shape: ReturnType<typeof shapeOf>,
  options: ExportDatasetOptions,
): Promise<{ path: string; rows: number }> {
  switch (options.format) {
    case 'jsonl':
      return { path: `${stem}.jsonl`, rows: await writeJsonlAtomic(`${stem}.jsonl`, records) };
    case 'sft':
      return {
        path: `${stem}.jsonl`,
        rows: await writeJsonlAtomic(`${stem}.jsonl`, sftLines(records, options)),
      };
    case 'verl': {
      const path = `${stem}.parquet`;
      const rows = await writeParquet(path, verlRows(records, options), {
        columns: verlColumns,
        schema: verlSchema,
      });
      return { path, rows };
    }
    case 'parquet':
    case 'hf': {
      const path = `${stem}.parquet`;
      return { path, rows: await writeParquet(path, recordRows(records), recordColumns(shape)) };
    }
  }
}
