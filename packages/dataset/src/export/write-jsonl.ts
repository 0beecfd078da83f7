import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { JsonlWriter, wrapFileError } from '@srcode/core';

/** Writes records to a JSON Lines file that appears, or replaces the old one, only once it is whole. Returns their number. */
export async function writeJsonlAtomic(
  path: string,
  records: Iterable<unknown> | AsyncIterable<unknown>,
): Promise<number> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  const writer = await JsonlWriter.open(temporary, { append: false });
  let count = 0;
  try {
    try {
      for await (const record of records) {
        await writer.write(record);
        count++;
      }
    } finally {
      await writer.close();
    }
    await rename(temporary, path).catch((error: unknown) => {
      throw wrapFileError(error, path, 'write');
    });
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
  return count;
}
