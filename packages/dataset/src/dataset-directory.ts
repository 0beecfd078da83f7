import { access } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createManifest,
  ensureWritableFolder,
  finishManifest,
  hashFile,
  InputError,
  type Manifest,
  type ReadJsonlOptions,
  readJsonl,
  readManifest,
  throwIfCancelled,
  wrapFileError,
} from '@srcode/core';
import { type RecordShape, shapeOf } from './export/record-columns.js';
import { writeJsonlAtomic } from './export/write-jsonl.js';
import {
  type PrimeVulPlusRecord,
  primeVulPlusRecordSchema,
  type RepairPair,
  repairPairSchema,
  type VulnerableFunction,
  vulnerableFunctionSchema,
} from './schemas.js';

/** What a dataset directory holds. */
export type DatasetKind = RecordShape;

export interface DatasetRecordByKind {
  readonly functions: VulnerableFunction;
  readonly pairs: RepairPair;
  readonly 'prime-vul-plus': PrimeVulPlusRecord;
}

const schemaByKind = {
  functions: vulnerableFunctionSchema,
  pairs: repairPairSchema,
  'prime-vul-plus': primeVulPlusRecordSchema,
} as const;

const DATA_FILE = 'data.jsonl';
const MANIFEST_FILE = 'manifest.json';

export interface SaveDatasetOptions {
  /** As made by `createManifest`; a bare one is made when left out. */
  readonly manifest?: Manifest;
  readonly signal?: AbortSignal;
}

export interface Dataset<K extends DatasetKind = DatasetKind> {
  readonly dir: string;
  readonly kind: K;
  readonly manifest: Manifest;
  /** Number of records, as the manifest states it. */
  readonly size: number;
  /** Streams the validated records; can be called again. Throws `MalformedLineError` unless `onError` is given. */
  records(options?: ReadJsonlOptions): AsyncGenerator<DatasetRecordByKind[K]>;
  /** Throws `InputError` when `data.jsonl` is not the file that the manifest describes. */
  verify(): Promise<void>;
}

/**
 * Writes records to `<dir>/data.jsonl` and `<dir>/manifest.json` and returns the opened dataset.
 *
 * Streamed; the data file appears only once it is whole, the manifest after it, so an interrupted call
 * leaves the earlier dataset or none.
 *
 * @throws InputError on a record that its schema refuses, is of another kind, or repeats an id.
 */
export async function saveDataset<K extends DatasetKind>(
  dir: string,
  kind: K,
  records: Iterable<DatasetRecordByKind[K]> | AsyncIterable<DatasetRecordByKind[K]>,
  options: SaveDatasetOptions = {},
): Promise<Dataset<K>> {
  await ensureWritableFolder(dir);
  const manifest = options.manifest ?? (await createManifest({ command: 'dataset save', options: { kind } }));
  const path = join(dir, DATA_FILE);
  const size = await writeJsonlAtomic(path, checked(kind, records, options.signal));
  await finishManifest({ ...manifest, extra: { ...manifest.extra, kind, size } }, join(dir, MANIFEST_FILE), {
    outputs: { data: path },
  });
  return openDataset(dir, kind);
}

async function* checked<K extends DatasetKind>(
  kind: K,
  records: Iterable<DatasetRecordByKind[K]> | AsyncIterable<DatasetRecordByKind[K]>,
  signal: AbortSignal | undefined,
): AsyncGenerator<DatasetRecordByKind[K]> {
  const ids = new Set<string>();
  for await (const record of records) {
    throwIfCancelled(signal);
    const parsed = schemaByKind[kind].safeParse(record);
    const issue = parsed.error?.issues[0];
    const problem = issue
      ? `field "${issue.path.map(String).join('.')}": ${issue.message}`
      : shapeOf(record) !== kind
        ? `it is of kind ${shapeOf(record)}`
        : ids.has(record.id)
          ? 'another record has the same id'
          : null;
    if (problem !== null) {
      throw new InputError({
        code: 'DATASET_INVALID_RECORD',
        message: `Expected a record of kind ${kind} with its own id, got ${String(record.id)}: ${problem}.`,
        context: { id: record.id, kind },
      });
    }
    ids.add(record.id);
    yield parsed.data as DatasetRecordByKind[K];
  }
}

function invalidDirectory(dir: string, problem: string, kind?: DatasetKind): InputError {
  return new InputError({
    code: 'DATASET_INVALID_DIRECTORY',
    message: `${dir}: expected a dataset directory${kind ? ` of kind ${kind}` : ''} (data.jsonl and manifest.json), but ${problem}. Write it again, or point at another folder.`,
    context: { dir },
  });
}

/**
 * A dataset directory, ready to stream. Reads the manifest only.
 *
 * @throws InputError when the folder is none, or holds another kind than asked for.
 */
export async function openDataset<K extends DatasetKind = DatasetKind>(
  dir: string,
  expected?: K,
): Promise<Dataset<K>> {
  const manifest = await readManifest(join(dir, MANIFEST_FILE));
  const path = join(dir, DATA_FILE);
  await access(path).catch((error: unknown) => {
    throw wrapFileError(error, path, 'read');
  });
  const { kind, size } = manifest.extra;
  if (typeof kind !== 'string' || !Object.hasOwn(schemaByKind, kind))
    throw invalidDirectory(dir, `its manifest states kind ${JSON.stringify(kind)}`);
  if (expected !== undefined && kind !== expected)
    throw invalidDirectory(dir, `it is of kind ${kind}`, expected);
  if (typeof size !== 'number') throw invalidDirectory(dir, 'its manifest states no size');
  const schema = schemaByKind[kind as DatasetKind];
  return {
    dir,
    kind: kind as K,
    manifest,
    size,
    records: (options) => readJsonl(path, schema, options) as AsyncGenerator<DatasetRecordByKind[K]>,
    async verify() {
      if ((await hashFile(path)) !== manifest.outputs.data?.sha256)
        throw invalidDirectory(dir, 'data.jsonl has changed since the manifest was written');
    },
  };
}
