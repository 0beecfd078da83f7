import { chmod, copyFile, lstat, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '@srcode/core';
import type { Language } from '@srcode/dataset';
import { type Compiler, compilerPath } from './detect-compiler.js';

/** Programs with the same includes before they are precompiled: it costs as much as one or two compilations. */
const worthwhileUses = 3;

/** Precompiled headers of a compiler: standard headers are a third of what compiling a small sanitized program costs. */
export interface HeaderCache {
  /** Path, as the sandbox sees it, of a header to include in front; null when there is none for this preamble (yet). */
  find(preamble: string | null, language: Language, flags: readonly string[]): Promise<string | null>;
}

/** The `#include <…>` lines with which a preamble begins. */
export function leadingIncludes(preamble: string | null): string {
  const lines: string[] = [];
  for (const line of (preamble ?? '').split('\n')) {
    if (/^\s*#\s*include\s*<[\w./+-]+>\s*$/.test(line)) lines.push(line.trim());
    else if (line.trim() !== '') break;
  }
  return lines.join('\n');
}

async function precompile(
  compiler: Compiler,
  language: Language,
  includes: string,
  flags: readonly string[],
  key: string,
): Promise<string | null> {
  const { sandbox, sharedDir } = compiler;
  if (sharedDir === null || sandbox.sharedPath === null) return null;
  const workDir = await sandbox.openWorkDir({ 'pre.h': `${includes}\n` });
  try {
    const result = await workDir.run({
      command: compilerPath(compiler, language),
      args: [...flags, '-x', language === 'c' ? 'c-header' : 'c++-header', 'pre.h', '-o', 'pre.h.gch'],
      timeoutMs: 60_000,
      fileSizeBytes: 256 * 2 ** 20,
    });
    const built = join(workDir.path, 'pre.h.gch');
    if (result.exitCode !== 0 || !(await lstat(built)).isFile()) return null;
    const folder = join(sharedDir, key);
    await mkdir(folder, { mode: 0o755 });
    await writeFile(join(folder, 'pre.h'), `${includes}\n`, { mode: 0o644 });
    await copyFile(built, join(folder, 'part'));
    await chmod(join(folder, 'part'), 0o644);
    await rename(join(folder, 'part'), join(folder, 'pre.h.gch'));
    return `${sandbox.sharedPath}/${key}/pre.h`;
  } catch {
    // Only speed is lost.
    return null;
  } finally {
    await workDir.dispose();
  }
}

/** An empty cache. For gcc only; others get null. */
export function createHeaderCache(compiler: Compiler): HeaderCache {
  const uses = new Map<string, number>();
  const built = new Map<string, Promise<string | null>>();
  return {
    find: async (preamble, language, flags) => {
      const includes = leadingIncludes(preamble);
      if (includes === '' || compiler.kind !== 'gcc' || compiler.sharedDir === null) return null;
      const key = sha256Hex(JSON.stringify([language, flags, includes])).slice(0, 32);
      const count = (uses.get(key) ?? 0) + 1;
      uses.set(key, count);
      if (count < worthwhileUses) return null;
      let header = built.get(key);
      if (!header) {
        header = precompile(compiler, language, includes, flags, key);
        built.set(key, header);
      }
      return header;
    },
  };
}
