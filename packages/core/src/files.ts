import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, open, rename, rm, stat } from 'node:fs/promises';
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
        message:
          action === 'read'
            ? `Expected a file or folder at ${path}, found none. Check the path.`
            : `Cannot write ${path}: there is no such folder and it cannot be made here. Choose another path.`,
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
    case 'EEXIST':
      return new InputError({
        code: 'FILE_NOT_FOLDER',
        message: `Expected a folder at ${path} or on the way to it, found a file. Choose another path.`,
        context,
        cause: error,
      });
    case 'ENAMETOOLONG':
    case 'ELOOP':
      return new InputError({
        code: 'FILE_BAD_PATH',
        message: `Cannot ${action} ${path}: the path is too long or its links go in circles. Choose another path.`,
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

/**
 * Creates the folder and its parents. Not `mkdir` with `recursive`, which in Node 20 never returns on file
 * systems that answer "no such folder" although the parent is there (`/proc`, some network mounts).
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if ((code === 'EEXIST' || code === 'EISDIR') && (await stat(path)).isDirectory()) return;
    const parent = dirname(path);
    if (code !== 'ENOENT' || parent === path) throw error;
    await makeFolder(parent);
    // Whoever made it in the meantime made it for us as well.
    await mkdir(path).catch(async (second: NodeJS.ErrnoException) => {
      if (second.code !== 'EEXIST' || !(await stat(path)).isDirectory()) throw second;
    });
  }
}

/** Creates the folder (and parents) and proves that it can be written to. */
export async function ensureWritableFolder(path: string): Promise<void> {
  try {
    await makeFolder(path);
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
    await makeFolder(dirname(path));
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
