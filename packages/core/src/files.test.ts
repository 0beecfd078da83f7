import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ensureWritableFolder, wrapFileError, writeFileAtomic } from './files.js';
import { InputError, SrcodeError } from './srcode-error.js';
import { withTemporaryFolder } from './testing/index.js';

describe('writeFileAtomic', () => {
  it('writes text and bytes, makes folders, replaces, and leaves no scrap', async () => {
    await withTemporaryFolder(async (dir) => {
      const path = join(dir, 'a', 'b', 'x.json');
      await writeFileAtomic(path, 'é1');
      await writeFileAtomic(path, new Uint8Array([0, 255]));
      expect([...(await readFile(path))]).toEqual([0, 255]);
      expect(await readdir(join(dir, 'a', 'b'))).toEqual(['x.json']);
    });
  });

  it('shows readers old or new bytes and nothing between', async () => {
    await withTemporaryFolder(async (dir) => {
      const path = join(dir, 'x');
      const texts = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(300_000));
      await writeFileAtomic(path, texts[0]!);
      let writing = true;
      const writes = (async () => {
        for (let i = 0; i < 12; i++) await writeFileAtomic(path, texts[i % 4]!);
        writing = false;
      })();
      while (writing) expect(texts).toContain(await readFile(path, 'utf8'));
      await writes;
    });
  });

  it('lets parallel writers of one file each succeed', async () => {
    await withTemporaryFolder(async (dir) => {
      const path = join(dir, 'x');
      await Promise.all(Array.from({ length: 20 }, (_, i) => writeFileAtomic(path, String(i))));
      expect(Number(await readFile(path, 'utf8'))).toBeLessThan(20);
      expect(await readdir(dir)).toEqual(['x']);
    });
  });

  it('fails with exit code 2 on a folder that is a file, keeps the old file and no scrap', async () => {
    await withTemporaryFolder(async (dir) => {
      const file = join(dir, 'file');
      await writeFile(file, 'old');
      await expect(writeFileAtomic(join(file, 'x'), '')).rejects.toMatchObject({
        code: 'FILE_NOT_FOLDER',
        exitCode: 2,
      });
      await mkdir(join(dir, 'folder', 'inner'), { recursive: true });
      await expect(writeFileAtomic(join(dir, 'folder'), 'x')).rejects.toMatchObject({
        context: { path: join(dir, 'folder') },
      });
      expect((await readdir(dir)).sort()).toEqual(['file', 'folder']);
      expect(await readFile(file, 'utf8')).toBe('old');
    });
  });

  it('fails with exit code 2 on paths that no system takes', async () => {
    await withTemporaryFolder(async (dir) => {
      await expect(writeFileAtomic(join(dir, 'x'.repeat(400)), '')).rejects.toMatchObject({
        code: 'FILE_BAD_PATH',
        exitCode: 2,
      });
      await symlink(join(dir, 'loop'), join(dir, 'loop'));
      await expect(writeFileAtomic(join(dir, 'loop', 'x'), '')).rejects.toMatchObject({ exitCode: 2 });
    });
  });

  it.runIf(process.getuid?.() !== 0)('fails with exit code 2 in a read-only folder', async () => {
    await withTemporaryFolder(async (dir) => {
      await chmod(dir, 0o500);
      await expect(writeFileAtomic(join(dir, 'x'), '')).rejects.toMatchObject({
        code: 'FILE_NOT_PERMITTED',
        exitCode: 2,
      });
      await chmod(dir, 0o700);
    });
  });
});

describe('ensureWritableFolder', () => {
  it('makes the folder and leaves nothing in it', async () => {
    await withTemporaryFolder(async (dir) => {
      const path = join(dir, 'a', 'b');
      await ensureWritableFolder(path);
      await ensureWritableFolder(path);
      expect(await readdir(path)).toEqual([]);
    });
  });

  it('refuses a file in the folder’s place, here or above', async () => {
    await withTemporaryFolder(async (dir) => {
      const file = join(dir, 'file');
      await writeFile(file, '');
      for (const path of [file, join(file, 'sub')])
        await expect(ensureWritableFolder(path)).rejects.toMatchObject({
          code: 'FILE_NOT_FOLDER',
          exitCode: 2,
        });
    });
  });

  it.runIf(process.platform === 'linux')(
    'refuses a place where nobody can write, root included',
    async () => {
      await expect(ensureWritableFolder('/proc/srcode-out')).rejects.toMatchObject({ exitCode: 2 });
    },
  );
});

describe('wrapFileError', () => {
  const withCode = (code: string) => Object.assign(new Error(`${code}: raw`), { code });

  it.each([
    ['ENOENT', 'FILE_NOT_FOUND', 2],
    ['EISDIR', 'FILE_IS_FOLDER', 2],
    ['ENOTDIR', 'FILE_NOT_FOLDER', 2],
    ['EEXIST', 'FILE_NOT_FOLDER', 2],
    ['EACCES', 'FILE_NOT_PERMITTED', 2],
    ['EPERM', 'FILE_NOT_PERMITTED', 2],
    ['EROFS', 'FILE_NOT_PERMITTED', 2],
    ['ENOSPC', 'DISK_FULL', 2],
    ['EDQUOT', 'DISK_FULL', 2],
    ['ENAMETOOLONG', 'FILE_BAD_PATH', 2],
    ['EIO', 'FILE_FAILED', 1],
  ])('turns %s into %s with exit code %i, path and cause', (systemCode, code, exitCode) => {
    const cause = withCode(systemCode);
    const error = wrapFileError(cause, '/a/b', 'write');
    expect(error).toMatchObject({ code, exitCode, cause, context: { path: '/a/b', systemCode } });
    expect(error.message).toContain('/a/b');
  });

  it('hands typed errors through', () => {
    const error = new InputError({ code: 'X', message: 'x' });
    expect(wrapFileError(error, '/a', 'read')).toBe(error);
    expect(SrcodeError.isInstance(wrapFileError('odd', '/a', 'read'))).toBe(true);
  });
});
