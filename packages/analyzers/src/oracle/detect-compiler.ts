import { existsSync } from 'node:fs';
import { access, chmod, constants, mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import type { Language } from '@srcode/dataset';
import { ToolMissingError } from '../errors.js';
import { createSandbox, type Sandbox } from '../sandbox/create-sandbox.js';
import { detectSandbox } from '../sandbox/detect-sandbox.js';
import { removeAtExit } from '../sandbox/prepare-root.js';
import type { SandboxReport } from '../sandbox/types.js';

/** A C compiler that was seen to build and run a sanitized program inside the sandbox. */
export interface Compiler {
  readonly kind: 'gcc' | 'clang';
  /** Absolute path of the C compiler. */
  readonly cPath: string;
  /** Absolute path of the C++ compiler; null when there is none. */
  readonly cppPath: string | null;
  /** First line of `--version`. */
  readonly version: string;
  /** Whether AddressSanitizer and UBSan work. */
  readonly sanitizers: boolean;
  /** Flags beyond the fixed ones that this compiler was seen to take: a faster linker, a pattern for uninitialised variables. */
  readonly extraFlags: readonly string[];
  readonly sandbox: Sandbox;
  /** Host folder that its runs see read-only, for precompiled headers; null for none. */
  readonly sharedDir: string | null;
  readonly sandboxReport: SandboxReport;
}

export type CompilerDetection =
  | { readonly available: true; readonly compiler: Compiler }
  | { readonly available: false; readonly reason: string; readonly install: string };

export const installHint =
  'Debian/Ubuntu: apt install gcc g++; Fedora: dnf install gcc gcc-c++ libasan libubsan; macOS: xcode-select --install';

/** Linkers by speed on a small sanitized program, measured: gold 24 ms, bfd 105 ms; lld and mold like gold. */
const linkers = ['-fuse-ld=gold', '-fuse-ld=lld', '-fuse-ld=mold'] as const;

/** Uninitialised variables get a fixed pattern, so that a verdict does not depend on what lay on the stack. */
const patternFlag = '-ftrivial-auto-var-init=pattern';

const probeProgram = `#include <stdlib.h>
int main(int argc, char **argv) { char *p = malloc(argc); int bad = argc > 1; p[bad ? argc : 0] = 1; free(p); return 0; }
`;

async function findOnPath(name: string): Promise<string | null> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder === '') continue;
    const path = join(folder, name);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return null;
}

async function compilesAndRuns(sandbox: Sandbox, path: string, flags: readonly string[]): Promise<boolean> {
  const workDir = await sandbox.openWorkDir({ 'probe.c': probeProgram });
  try {
    const compiled = await workDir.run({
      command: path,
      args: ['-w', '-O0', ...flags, 'probe.c', '-o', 'probe'],
      timeoutMs: 30_000,
      maxProcesses: 64,
    });
    if (compiled.exitCode !== 0) return false;
    const good = await workDir.run({ command: './probe', args: [], timeoutMs: 10_000 });
    if (good.exitCode !== 0) return false;
    if (!flags.includes('-fsanitize=address')) return true;
    const bad = await workDir.run({ command: './probe', args: ['bad'], timeoutMs: 10_000 });
    return bad.stderr.includes('AddressSanitizer');
  } finally {
    await workDir.dispose();
  }
}

async function tryCompiler(
  kind: Compiler['kind'],
  cPath: string,
  cppPath: string | null,
  report: SandboxReport,
): Promise<Compiler | null> {
  const home = dirname(dirname(await realpath(cPath)));
  const outsideUsr = !home.startsWith('/usr') && home !== '/' && existsSync(home);
  const sharedDir = await mkdtemp(join(tmpdir(), 'srcode-headers-'));
  removeAtExit(sharedDir);
  await chmod(sharedDir, 0o755);
  const sandbox = createSandbox({
    level: report.level,
    readOnlyPaths: outsideUsr ? [home] : [],
    sharedDir,
  });
  const workDir = await sandbox.openWorkDir({});
  let version: string;
  try {
    const answer = await workDir.run({ command: cPath, args: ['--version'], maxProcesses: 64 });
    if (answer.exitCode !== 0) return null;
    version = answer.stdout.split('\n')[0]!.trim();
  } finally {
    await workDir.dispose();
  }
  if (!(await compilesAndRuns(sandbox, cPath, []))) return null;
  const sanitize = ['-fsanitize=address', '-fsanitize=undefined'];
  const sanitizers = await compilesAndRuns(sandbox, cPath, sanitize);
  const base = sanitizers ? sanitize : [];
  const extraFlags: string[] = [];
  if (await compilesAndRuns(sandbox, cPath, [...base, patternFlag])) extraFlags.push(patternFlag);
  for (const linker of linkers) {
    if (!(await compilesAndRuns(sandbox, cPath, [...base, linker]))) continue;
    extraFlags.push(linker);
    break;
  }
  return {
    kind,
    cPath,
    cppPath,
    version,
    sanitizers,
    extraFlags,
    sandbox,
    sharedDir,
    sandboxReport: report,
  };
}

async function detect(): Promise<CompilerDetection> {
  const report = await detectSandbox();
  const reasons: string[] = [];
  for (const [kind, c, cpp] of [
    ['gcc', 'gcc', 'g++'],
    ['clang', 'clang', 'clang++'],
  ] as const) {
    const cPath = await findOnPath(c);
    if (cPath === null) {
      reasons.push(`${c} is not on the PATH`);
      continue;
    }
    const compiler = await tryCompiler(kind, cPath, await findOnPath(cpp), report);
    if (compiler?.sanitizers) return { available: true, compiler };
    reasons.push(
      compiler
        ? `${cPath} builds no AddressSanitizer programs in the ${report.level} sandbox`
        : `${cPath} does not build a program in the ${report.level} sandbox`,
    );
  }
  return { available: false, reason: reasons.join('; '), install: installHint };
}

let detected: Promise<CompilerDetection> | undefined;

/**
 * The C compiler of this machine that builds sanitized programs in the sandbox, gcc before clang, or why there is
 * none. Seen by doing it, once per process.
 */
export function detectCompiler(): Promise<CompilerDetection> {
  detected ??= detect();
  return detected;
}

/** The path of the compiler for a language. Throws `ToolMissingError` for C++ without a C++ compiler. */
export function compilerPath(compiler: Compiler, language: Language): string {
  if (language === 'c') return compiler.cPath;
  if (compiler.cppPath !== null) return compiler.cppPath;
  throw new ToolMissingError({
    code: 'CPP_COMPILER_MISSING',
    message: `Expected a C++ compiler beside ${compiler.cPath}, found none. ${installHint}`,
  });
}
