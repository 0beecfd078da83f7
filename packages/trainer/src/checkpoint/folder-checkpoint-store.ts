import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError, wrapFileError, writeFileAtomic } from '@srcode/core';
import type { Checkpoint, CheckpointStore } from './checkpoint.js';
import { decodeCheckpoint, encodeCheckpoint } from './encode-checkpoint.js';

const FILE = /^step-(\d{8})\.ckpt$/;

/**
 * A store of checkpoints as files `step-00000120.ckpt` in a folder of their own.
 *
 * Each is written beside its place, flushed, and renamed, so a kill at any moment leaves the old ones intact.
 * The newest `keep` stay (default 2: should the newest be damaged, there is one before it).
 */
export function createFolderCheckpointStore(
  folder: string,
  options: { readonly keep?: number } = {},
): CheckpointStore {
  const keep = options.keep ?? 2;
  const list = async (): Promise<string[]> => {
    try {
      await mkdir(folder, { recursive: true });
      return (await readdir(folder)).filter((name) => FILE.test(name)).sort();
    } catch (error) {
      throw wrapFileError(error, folder, 'write');
    }
  };
  return {
    async save(checkpoint) {
      const name = `step-${String(checkpoint.step).padStart(8, '0')}.ckpt`;
      await writeFileAtomic(join(folder, name), encodeCheckpoint(checkpoint));
      const names = await list();
      // A temporary file of a run that was killed while writing.
      for (const stale of await readdir(folder))
        if (/^step-\d{8}\.ckpt\..*\.tmp$/.test(stale)) await rm(join(folder, stale), { force: true });
      for (const old of names.slice(0, -keep)) await rm(join(folder, old), { force: true });
    },
    async loadLatest() {
      const skipped: InputError[] = [];
      let checkpoint: Checkpoint | null = null;
      for (const name of (await list()).reverse()) {
        const path = join(folder, name);
        try {
          checkpoint = decodeCheckpoint(await readFile(path), path);
          break;
        } catch (error) {
          const wrapped = wrapFileError(error, path, 'read');
          if (!InputError.isInstance(wrapped)) throw wrapped;
          skipped.push(wrapped as InputError);
        }
      }
      return { checkpoint, skipped };
    },
  };
}
