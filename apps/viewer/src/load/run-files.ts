import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ReadJsonlOptions, readJsonl, SrcodeError } from '@srcode/core';
import type { z } from 'zod';
import type { MissingPart } from '../report-input.js';
import { MAX_LINE_BYTES } from './load-options.js';

/** JSON files of a run are small; a larger one is not ours. */
const MAX_JSON_BYTES = 64 * 1024 * 1024;

export interface ArmFile {
  readonly arm: string;
  readonly seed: number;
  readonly path: string;
  /** Relative to the run folder. */
  readonly label: string;
}

/** Files `<arm>-seed<k>.jsonl` of a folder of the run, by arm and seed; none when the folder is absent. */
export async function listArmFiles(runFolder: string, folder: string): Promise<ArmFile[]> {
  const names = await readdir(join(runFolder, folder)).catch(() => [] as string[]);
  const files: ArmFile[] = [];
  for (const name of names) {
    const match = /^(.{1,80})-seed(\d{1,9})\.jsonl$/.exec(name);
    if (match)
      files.push({
        arm: match[1]!,
        seed: Number(match[2]),
        path: join(runFolder, folder, name),
        label: `${folder}/${name}`,
      });
  }
  return files.sort((a, b) => (a.arm === b.arm ? a.seed - b.seed : a.arm < b.arm ? -1 : 1));
}

/** The parsed JSON file, or null with an entry in `missing` that says why. */
export async function readJsonPart<S extends z.ZodType>(
  path: string,
  label: string,
  schema: S,
  missing: MissingPart[],
): Promise<z.output<S> | null> {
  try {
    if ((await stat(path)).size > MAX_JSON_BYTES) {
      missing.push({ part: label, problem: 'larger than any such file can be; not read' });
      return null;
    }
    const parsed = schema.safeParse(JSON.parse(await readFile(path, 'utf8')));
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    missing.push({
      part: label,
      problem: `field "${issue?.path.map(String).join('.') ?? ''}": ${issue?.message ?? 'invalid'}`,
    });
  } catch (error) {
    const absent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    missing.push({ part: label, problem: absent ? 'not there' : `unreadable: ${(error as Error).message}` });
  }
  return null;
}

/** Valid lines of a JSON Lines file; malformed ones are counted into one entry of `missing`. */
export async function* readLinesOf<S extends z.ZodType>(
  path: string,
  label: string,
  schema: S,
  missing: MissingPart[],
  signal: AbortSignal | undefined,
): AsyncGenerator<z.output<S>> {
  let bad = 0;
  let first = '';
  const options: ReadJsonlOptions = {
    maxLineBytes: MAX_LINE_BYTES,
    onError: (error) => {
      if (bad++ === 0)
        first = `line ${String(error.context.line)}${error.context.field ? `, field "${String(error.context.field)}"` : ''}`;
    },
    ...(signal ? { signal } : {}),
  };
  try {
    yield* readJsonl(path, schema, options);
  } catch (error) {
    if (signal?.aborted) throw error;
    if (!SrcodeError.isInstance(error)) throw error;
    missing.push({ part: label, problem: error.code === 'FILE_NOT_FOUND' ? 'not there' : error.message });
  }
  if (bad > 0)
    missing.push({
      part: label,
      problem: `${bad} malformed line${bad === 1 ? '' : 's'} left out (first: ${first})`,
    });
}
