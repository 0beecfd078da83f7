import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EnvironmentError, InputError, SrcodeError } from './srcode-error.js';

/** Turns an operating-system error on a path into a typed error that says what to do. */
export function wrapFileError(error: unknown, path: string, action: 'read' | 'write'): SrcodeError {
  if (SrcodeError.isInstance(error)) return error;
  const code = (error as NodeJS.ErrnoException).code;
  const context = { path, systemCode: code };
  switch (code) {
    case 'ENOENT':
      return new InputError({
        code: 'FILE_NOT_FOUND',
        message: `Expected a file or folder at ${path}, found none. Check the path.`,
        context,
        cause: error,
      });
    case 'EISDIR':
      return new InputError({
        code: 'FILE_IS_FOLDER',
        message: `Expected a file at ${path}, found a folder.`,
        context,
        cause: error,
      });
    case 'ENOTDIR':
      return new InputError({
        code: 'FILE_NOT_FOLDER',
        message: `Expected a folder on the way to ${path}, found a file.`,
        context,
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new EnvironmentError({
        code: 'FILE_NOT_PERMITTED',
        message: `Cannot ${action} ${path}: permission denied or read-only. Choose another folder or change its permissions.`,
        context,
        cause: error,
      });
    case 'ENOSPC':
    case 'EDQUOT':
      return new EnvironmentError({
        code: 'DISK_FULL',
        message: `Cannot write ${path}: no space left. Free space, then run the same command again; finished work is kept.`,
        context,
        cause: error,
      });
    default:
      return new SrcodeError({
        code: 'FILE_FAILED',
        message: `Cannot ${action} ${path}: ${(error as Error).message}`,
        context,
        cause: error,
      });
  }
}

/** Creates the folder (and parents) and proves that it can be written to. */
export async function ensureWritableFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.W_OK);
    const probe = `${path}/.srcode-write-probe-${process.pid}-${randomBytes(4).toString('hex')}`;
    const handle = await open(probe, 'w');
    await handle.close();
    await rm(probe, { force: true });
  } catch (error) {
    throw wrapFileError(error, path, 'write');
  }
}

/** Writes a whole file so that a reader, or a crash, sees the old bytes or the new ones and nothing between. */
export async function writeFileAtomic(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(temporary, 'w');
    try {
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw wrapFileError(error, path, 'write');
  }
}
