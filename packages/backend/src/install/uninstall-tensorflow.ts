import { readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { wrapFileError } from '@srcode/core';
import { cacheRoot } from './cache-folders.js';

export interface UninstallTensorflowOptions {
  /** Default: `SRCODE_CACHE`, else `srcode` in the user's cache folder. */
  readonly cacheDir?: string;
  readonly environment?: NodeJS.ProcessEnv;
}

/**
 * Removes the binding, the cached library and what broken installs left, and returns the folders removed (none when
 * nothing was installed). A library given by path is not touched.
 */
export async function uninstallTensorflow(
  options: UninstallTensorflowOptions = {},
): Promise<readonly string[]> {
  const root = resolve(options.cacheDir ?? cacheRoot(options.environment));
  const names = await readdir(root).catch(() => [] as string[]);
  const removed = names.filter((name) => /^(tensorflow(\.\d+\.(partial|old))?|libtensorflow)$/.test(name));
  for (const name of removed) {
    const folder = join(root, name);
    try {
      await rm(folder, { recursive: true, force: true });
    } catch (error) {
      throw wrapFileError(error, folder, 'write');
    }
  }
  return removed.map((name) => join(root, name));
}
