import { createReadStream } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { z } from 'zod';
import { makeFolder, wrapFileError } from './files.js';
import { InputError, type SrcodeError, throwIfCancelled } from './srcode-error.js';

/** 64 MiB: the longest function in public vulnerability sets is under 1 MiB; a longer line is not a record. */
const DEFAULT_MAX_LINE_BYTES = 64 * 1024 * 1024;

/** A line that is not valid JSON or not a valid record. */
export class MalformedLineError extends InputError {}

export interface JsonlLine {
  /** The raw text, without its line break. */
  readonly text: string;
  /** 1-based. */
  readonly lineNumber: number;
  /** False when the file ended without a line break after this line, as a crash mid-write leaves it. */
  readonly terminated: boolean;
}

export interface ReadLinesOptions {
  /** Longest line in UTF-16 code units, which no UTF-8 text of as many bytes exceeds. Default 64 MiB. */
  readonly maxLineBytes?: number;
  readonly signal?: AbortSignal;
}

/** Yields the non-empty lines of a UTF-8 file, streamed; memory is bounded by the longest line. */
export async function* readLines(path: string, options: ReadLinesOptions = {}): AsyncGenerator<JsonlLine> {
  const maxLineBytes = options.maxLineBytes ?? DEFAULT_MAX_LINE_BYTES;
  const decoder = new StringDecoder('utf8');
  let pending = '';
  let lineNumber = 0;
  const toLine = (raw: string, terminated: boolean): JsonlLine | null => {
    lineNumber++;
    if (raw.length > maxLineBytes) throw lineTooLong(path, lineNumber, maxLineBytes);
    const text = lineNumber === 1 ? raw.replace(/^\uFEFF/, '') : raw;
    return text.trim() === '' ? null : { text, lineNumber, terminated };
  };
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 16, signal: options.signal })) {
      // Only new text is searched for a line break, or a long line would cost quadratic time.
      let from = pending.length;
      pending += decoder.write(chunk as Buffer);
      let start = 0;
      for (let end = pending.indexOf('\n', from); end !== -1; end = pending.indexOf('\n', from)) {
        const line = toLine(
          pending.slice(start, pending[end - 1] === '\r' ? Math.max(start, end - 1) : end),
          true,
        );
        start = end + 1;
        from = start;
        if (line) yield line;
      }
      pending = pending.slice(start);
      if (pending.length > maxLineBytes) throw lineTooLong(path, lineNumber + 1, maxLineBytes);
    }
    pending += decoder.end();
    if (pending !== '') {
      const line = toLine(pending, false);
      if (line) yield line;
    }
  } catch (error) {
    throwIfCancelled(options.signal);
    throw wrapFileError(error, path, 'read');
  }
}

function lineTooLong(path: string, line: number, maxLineBytes: number): MalformedLineError {
  return new MalformedLineError({
    code: 'JSONL_LINE_TOO_LONG',
    message: `${path}:${line}: expected lines of at most ${maxLineBytes} bytes, found a longer one. Is this a JSON Lines file?`,
    context: { path, line, maxLineBytes },
  });
}

/** Parses and validates one line; the error names the file, the line and the field. */
export function parseJsonlLine<S extends z.ZodType>(line: JsonlLine, schema: S, path: string): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(line.text);
  } catch (cause) {
    const cut = line.terminated ? '' : ' The file ends in the middle of this line: it was cut short.';
    throw new MalformedLineError({
      code: line.terminated ? 'JSONL_NOT_JSON' : 'JSONL_TRUNCATED',
      message: `${path}:${line.lineNumber}: expected one JSON object, got text that does not parse (${(cause as Error).message}).${cut} Fix or remove the line.`,
      context: { path, line: line.lineNumber, terminated: line.terminated },
      cause,
    });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path.map(String).join('.') || '(record)';
  throw new MalformedLineError({
    code: 'JSONL_INVALID_RECORD',
    message: `${path}:${line.lineNumber}: field "${field}": ${issue?.message ?? 'invalid record'}.`,
    context: { path, line: line.lineNumber, field, issues: parsed.error.issues },
    cause: parsed.error,
  });
}

export interface ReadJsonlOptions extends ReadLinesOptions {
  /** Called for each malformed line instead of throwing; the line is skipped. */
  readonly onError?: (error: MalformedLineError) => void;
}

/** Yields validated records of a JSON Lines file, streamed. Throws `MalformedLineError` unless `onError` is given. */
export async function* readJsonl<S extends z.ZodType>(
  path: string,
  schema: S,
  options: ReadJsonlOptions = {},
): AsyncGenerator<z.output<S>> {
  for await (const line of readLines(path, options)) {
    let record: z.output<S>;
    try {
      record = parseJsonlLine(line, schema, path);
    } catch (error) {
      if (options.onError && MalformedLineError.isInstance(error)) {
        options.onError(error as MalformedLineError);
        continue;
      }
      throw error;
    }
    yield record;
  }
}

/** Cuts an unfinished last line off a file that a crash left behind. Returns the bytes removed. */
export async function repairJsonlTail(path: string): Promise<number> {
  let size: number;
  try {
    size = (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw wrapFileError(error, path, 'read');
  }
  const handle = await open(path, 'r+').catch((error: unknown) => {
    throw wrapFileError(error, path, 'write');
  });
  try {
    let end = size;
    const window = Buffer.alloc(65536);
    while (end > 0) {
      const start = Math.max(0, end - window.length);
      const { bytesRead } = await handle.read(window, 0, end - start, start);
      const at = window.subarray(0, bytesRead).lastIndexOf(0x0a);
      if (at !== -1) {
        end = start + at + 1;
        break;
      }
      end = start;
    }
    if (end < size) await handle.truncate(end);
    return size - end;
  } finally {
    await handle.close();
  }
}

/** Appends records to a JSON Lines file; each `write` resolves once the whole line is handed to the system. */
export class JsonlWriter {
  readonly path: string;
  readonly #handle: FileHandle;
  #chain: Promise<void> = Promise.resolve();
  #failure: SrcodeError | undefined;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /** Opens for append (after cutting an unfinished last line) or, with `append: false`, anew. */
  static async open(path: string, options: { readonly append?: boolean } = {}): Promise<JsonlWriter> {
    try {
      await makeFolder(dirname(path));
      if (options.append !== false) await repairJsonlTail(path);
      return new JsonlWriter(path, await open(path, options.append === false ? 'w' : 'a'));
    } catch (error) {
      throw wrapFileError(error, path, 'write');
    }
  }

  /**
   * Appends one record. Calls may overlap; lines never interleave. After a failed write, which may have left
   * half a line behind, every later one fails too: open the file again, which cuts that half off.
   */
  async write(record: unknown): Promise<void> {
    const json: string | undefined = JSON.stringify(record);
    if (json === undefined)
      throw new TypeError(`Expected a record that has JSON text, got ${typeof record}.`);
    const next = this.#chain.then(async () => {
      if (this.#failure) throw this.#failure;
      try {
        await this.#handle.appendFile(`${json}\n`);
      } catch (error) {
        this.#failure = wrapFileError(error, this.path, 'write');
        throw this.#failure;
      }
    });
    this.#chain = next.catch(() => {});
    return next;
  }

  async close(): Promise<void> {
    await this.#chain;
    await this.#handle.sync().catch(() => {});
    await this.#handle.close();
  }
}
