import { rename, rm } from 'node:fs/promises';
import { wrapFileError } from '@srcode/core';

/** Moves `from` to `to`, taking the place of what was there; whoever looks sees the old folder or the new one, or none for an instant. */
export async function replaceFolder(from: string, to: string): Promise<void> {
  const old = `${to}.${process.pid}.old`;
  try {
    await rm(old, { recursive: true, force: true });
    await rename(to, old).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await rename(from, to);
    await rm(old, { recursive: true, force: true });
  } catch (error) {
    throw wrapFileError(error, to, 'write');
  }
}
