import { open, readFile, stat } from 'node:fs/promises';
import { readJsonl, wrapFileError } from '@srcode/core';
import { z } from 'zod';
import { BenchmarkInputError } from '../errors.js';

/** Largest JSON array that is read whole; the suites' own files are below 10 MiB. */
const maxArrayBytes = 256 * 1024 * 1024;

async function startsWithBracket(path: string): Promise<boolean> {
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
    return /^\uFEFF?\s*\[/.test(buffer.toString('utf8', 0, bytesRead));
  } finally {
    await handle.close();
  }
}

async function readArray<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S>[]> {
  if ((await stat(path)).size > maxArrayBytes)
    throw new BenchmarkInputError({
      code: 'BENCH_SUITE_TOO_LARGE',
      message: `${path}: expected a suite of at most ${maxArrayBytes} bytes. Convert it to JSON Lines.`,
      context: { path },
    });
  let value: unknown;
  try {
    value = JSON.parse((await readFile(path, 'utf8')).replace(/^\uFEFF/, ''));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new BenchmarkInputError({
      code: 'BENCH_SUITE_NOT_JSON',
      message: `${path}: expected a JSON array, got text that does not parse (${cause.message}). Was the download cut short?`,
      context: { path },
      cause,
    });
  }
  const parsed = z.array(schema).safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new BenchmarkInputError({
    code: 'BENCH_SUITE_INVALID',
    message: `${path}: item ${String(issue?.path[0])}, field "${issue?.path.slice(1).map(String).join('.')}": ${issue?.message}.`,
    context: { path },
    cause: parsed.error,
  });
}

/** Validated items of a suite file, a JSON array or JSON Lines. Throws `InputError` naming file and field. */
export async function readItems<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S>[]> {
  try {
    if (await startsWithBracket(path)) return await readArray(path, schema);
  } catch (error) {
    throw wrapFileError(error, path, 'read');
  }
  const items: z.output<S>[] = [];
  for await (const item of readJsonl(path, schema)) items.push(item);
  return items;
}
