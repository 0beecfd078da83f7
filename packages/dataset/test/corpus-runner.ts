import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ScenarioInstance } from '../src/corpus/instantiate-scenario.js';

const run = promisify(execFile);

const sanitizers = ['-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
/** LeakSanitizer needs ptrace, which containers often lack; families count their allocations themselves. */
const environment = { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' };

/** The first of gcc and clang that builds a sanitized program, or null. */
export async function findCompiler(): Promise<string | null> {
  for (const compiler of ['gcc', 'clang']) {
    const folder = await mkdtemp(join(tmpdir(), 'srcode-corpus-probe-'));
    try {
      await writeFile(join(folder, 'a.c'), 'int main(void) { return 0; }\n');
      await run(compiler, [...sanitizers, join(folder, 'a.c'), '-o', join(folder, 'a')], { timeout: 30_000 });
      await run(join(folder, 'a'), [], { env: environment, timeout: 10_000 });
      return compiler;
    } catch {
      // Not installed, or installed without sanitizer libraries.
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return null;
}

export interface SideOutcome {
  readonly function: boolean;
  readonly security: boolean;
  /** Compiler errors or what a failing run wrote to stderr, in a few lines. */
  readonly detail: string;
}

export interface CheckOptions {
  readonly compiler: string;
  readonly optimization?: '-O0' | '-O1';
}

/** Compiles one side of an instance once and runs its two tests. */
export async function runSide(
  instance: ScenarioInstance,
  side: 'vulnerable' | 'secure',
  options: CheckOptions,
): Promise<SideOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'srcode-corpus-'));
  try {
    const source = join(folder, 'program.c');
    const program = join(folder, 'program');
    await writeFile(source, `${instance.preamble}\n${instance[side]}\n${instance.driver}`);
    const flags = ['-std=gnu11', options.optimization ?? '-O0', ...sanitizers, '-w', source, '-o', program];
    await run(options.compiler, flags, { timeout: 60_000 });
    const details: string[] = [];
    const passes = async (mode: string): Promise<boolean> => {
      try {
        await run(program, [mode], { cwd: folder, env: environment, timeout: 10_000 });
        return true;
      } catch (error) {
        const { stderr, signal, code } = error as { stderr?: string; signal?: string; code?: number };
        const lines = (stderr ?? '').split('\n').filter((line) => /ERROR|error|failed|Abort/.test(line));
        details.push(`${mode}: ${signal ?? `exit ${code}`} ${lines.slice(0, 2).join(' | ')}`);
        return false;
      }
    };
    const functional = await passes('function');
    const security = await passes('security');
    return { function: functional, security, detail: details.join('\n') };
  } catch (error) {
    return { function: false, security: false, detail: `compile: ${(error as Error).message}` };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What is wrong with the four outcomes of an instance, or null when all are as they should be. */
export async function checkInstance(
  instance: ScenarioInstance,
  options: CheckOptions,
): Promise<string | null> {
  const secure = await runSide(instance, 'secure', options);
  const vulnerable = await runSide(instance, 'vulnerable', options);
  const wrong: string[] = [];
  if (!secure.function || !secure.security) wrong.push(`secure side fails\n${secure.detail}`);
  if (!vulnerable.function) wrong.push(`vulnerable side fails its function test\n${vulnerable.detail}`);
  if (vulnerable.security) wrong.push('vulnerable side passes its security test');
  return wrong.length === 0 ? null : `${instance.id}: ${wrong.join('; ')}`;
}

/** Applies `work` to every item, at most `width` at a time, keeping the order of the results. */
export async function mapParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]!);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}
