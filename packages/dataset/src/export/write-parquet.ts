import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { wrapFileError } from '@srcode/core';
import type { SchemaElement } from 'hyparquet';
import { fileWriter, parquetWriteRows } from 'hyparquet-writer';

export interface WriteParquetOptions {
  readonly columns: readonly string[];
  readonly schema: readonly SchemaElement[];
  /** Rows held in memory at once. Default 1,000. */
  readonly rowGroupSize?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes rows to a Parquet file (Snappy), streamed by row group, and puts it in place once it is whole.
 * Returns the number of rows.
 *
 * hyparquet-writer rather than parquet-wasm: 100 kB of JavaScript, nested columns, no native part.
 */
export async function writeParquet(
  path: string,
  rows: Iterable<object> | AsyncIterable<object>,
  options: WriteParquetOptions,
): Promise<number> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  let count = 0;
  let sourceError: unknown;
  async function* counted(): AsyncGenerator<Record<string, unknown>> {
    try {
      for await (const row of rows) {
        count++;
        yield row as Record<string, unknown>;
      }
    } catch (error) {
      sourceError = error;
      throw error;
    }
  }
  try {
    await mkdir(dirname(path), { recursive: true });
    await parquetWriteRows({
      writer: fileWriter(temporary),
      rows: counted(),
      columns: options.columns.map((name) => ({ name })),
      schema: [...options.schema],
      rowGroupSize: options.rowGroupSize ?? 1000,
      kvMetadata: Object.entries(options.metadata ?? {}).map(([key, value]) => ({ key, value })),
      createdBy: 'srcode',
    });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    if (sourceError !== undefined) throw sourceError;
    throw wrapFileError(error, path, 'write');
  }
  return count;
}
