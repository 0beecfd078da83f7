import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  JsonlWriter,
  MalformedLineError,
  parseJsonlLine,
  type ReadJsonlOptions,
  readJsonl,
  readLines,
  repairJsonlTail,
} from './jsonl.js';
import { withTemporaryFolder } from './testing/index.js';

const schema = z.object({ a: z.number() });

async function linesOf(content: string | Uint8Array, options?: Parameters<typeof readLines>[1]) {
  return withTemporaryFolder(async (dir) => {
    const path = join(dir, 'x.jsonl');
    await writeFile(path, content);
    const lines: { text: string; lineNumber: number; terminated: boolean }[] = [];
    for await (const line of readLines(path, options)) lines.push(line);
    return lines;
  });
}

async function recordsOf(content: string, options?: ReadJsonlOptions) {
  return withTemporaryFolder(async (dir) => {
    const path = join(dir, 'x.jsonl');
    await writeFile(path, content);
    const records: { a: number }[] = [];
    for await (const record of readJsonl(path, schema, options)) records.push(record);
    return records;
  });
}

describe('readLines', () => {
  it('numbers lines from 1, leaves blank ones out and counts them', async () => {
    expect(await linesOf('a\n\n  \nb\n')).toEqual([
      { text: 'a', lineNumber: 1, terminated: true },
      { text: 'b', lineNumber: 4, terminated: true },
    ]);
  });

  it('takes CRLF, a BOM and a last line without a break', async () => {
    expect((await linesOf('\uFEFFa\r\nb\r\n')).map(({ text }) => text)).toEqual(['a', 'b']);
    expect(await linesOf('\uFEFFa')).toEqual([{ text: 'a', lineNumber: 1, terminated: false }]);
    expect((await linesOf('a\n\uFEFFb\n')).map(({ text }) => text)).toEqual(['a', '\uFEFFb']);
    expect(await linesOf('\uFEFF\n')).toEqual([]);
    expect(await linesOf('')).toEqual([]);
    expect(await linesOf('\r\n\r\n')).toEqual([]);
  });

  it('keeps a carriage return that is not a line break, and other line separators', async () => {
    expect((await linesOf('a\rb\u2028c\n')).map(({ text }) => text)).toEqual(['a\rb\u2028c']);
  });

  it('puts characters and breaks together that fall on a chunk’s edge', async () => {
    for (const shift of [-3, -2, -1, 0, 1]) {
      const filler = 'x'.repeat(65536 + shift);
      expect((await linesOf(`${filler}é中\u{1F600}\r\nnext\n`)).map(({ text }) => text)).toEqual([
        `${filler}é中\u{1F600}`,
        'next',
      ]);
    }
  });

  it('reads back whatever lines were written', async () => {
    const line = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((text) => !/[\r\n]/.test(text) && text.trim() !== '' && !text.startsWith('\uFEFF'));
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 30 }),
        fc.constantFrom('\n', '\r\n'),
        async (lines, eol) => {
          expect((await linesOf(lines.map((text) => text + eol).join(''))).map(({ text }) => text)).toEqual(
            lines,
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  it('replaces bytes that are no UTF-8 rather than failing', async () => {
    const [line] = await linesOf(new Uint8Array([0x61, 0xff, 0xc3, 0x0a]));
    expect(line!.text).toMatch(/^a\uFFFD+$/);
  });

  it('takes a line of 20 million characters and refuses one beyond the limit, finished or not', async () => {
    const [line] = await linesOf(`${'y'.repeat(20_000_000)}\n`);
    expect(line!.text.length).toBe(20_000_000);
    for (const content of [`${'y'.repeat(200)}\n`, 'y'.repeat(200), `short\n${'y'.repeat(70_000)}`])
      await expect(linesOf(content, { maxLineBytes: 100 })).rejects.toMatchObject({
        code: 'JSONL_LINE_TOO_LONG',
        exitCode: 2,
      });
    await expect(linesOf(`ok\n${'y'.repeat(200)}\n`, { maxLineBytes: 100 })).rejects.toMatchObject({
      context: { line: 2 },
    });
  });

  it('reports a missing file, a folder, and cancellation as what they are', async () => {
    await withTemporaryFolder(async (dir) => {
      const read = async (path: string, signal?: AbortSignal) => {
        for await (const _ of readLines(path, signal ? { signal } : {})) void _;
      };
      await expect(read(join(dir, 'none'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND', exitCode: 2 });
      await expect(read(dir)).rejects.toMatchObject({ code: 'FILE_IS_FOLDER', exitCode: 2 });
      await writeFile(join(dir, 'file'), 'a\n');
      await expect(read(join(dir, 'file', 'x'))).rejects.toMatchObject({ code: 'FILE_NOT_FOLDER' });
      await expect(read(join(dir, 'file'), AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
    });
  });
});

describe('parseJsonlLine and readJsonl', () => {
  it('names file, line and field', async () => {
    const line = { text: '{"a":"x"}', lineNumber: 7, terminated: true };
    expect(() => parseJsonlLine(line, schema, 'f.jsonl')).toThrow(/^f\.jsonl:7: field "a": /);
    try {
      parseJsonlLine({ ...line, text: '[1]' }, schema, 'f.jsonl');
    } catch (error) {
      expect(MalformedLineError.isInstance(error)).toBe(true);
      expect(error).toMatchObject({
        code: 'JSONL_INVALID_RECORD',
        exitCode: 2,
        context: { path: 'f.jsonl', line: 7, field: '(record)' },
      });
    }
  });

  it('tells a line that was cut short from one that never was JSON', async () => {
    await expect(recordsOf('{"a":1}\n{"a":')).rejects.toMatchObject({
      code: 'JSONL_TRUNCATED',
      context: { line: 2, terminated: false },
    });
    await expect(recordsOf('{"a":1}\n{"a":\n')).rejects.toMatchObject({
      code: 'JSONL_NOT_JSON',
      context: { line: 2 },
    });
    expect(await recordsOf('{"a":1}\n{"a":2}')).toEqual([{ a: 1 }, { a: 2 }]);
  });

  it('hands bad lines over and goes on', async () => {
    const errors: MalformedLineError[] = [];
    const records = await recordsOf('{"a":1}\nx\n{"a":"2"}\n{"a":3}\n{', {
      onError: (error) => errors.push(error),
    });
    expect(records).toEqual([{ a: 1 }, { a: 3 }]);
    expect(errors.map(({ code, context }) => [code, context.line])).toEqual([
      ['JSONL_NOT_JSON', 2],
      ['JSONL_INVALID_RECORD', 3],
      ['JSONL_TRUNCATED', 5],
    ]);
  });

  it('does not take its own caller’s error for a malformed line', async () => {
    const onError = () => {
      throw new Error('stop');
    };
    await expect(recordsOf('x\n', { onError })).rejects.toThrow('stop');
  });
});

describe('repairJsonlTail', () => {
  it('cuts exactly what follows the last line break', async () => {
    await withTemporaryFolder(async (dir) => {
      const path = join(dir, 'x.jsonl');
      const cases = [
        ['{"a":1}\n{"a":2', '{"a":1}\n'],
        ['{"a":1}\n', '{"a":1}\n'],
        ['{"a":1', ''],
        ['', ''],
        [`{"a":1}\n${'é'.repeat(100_000)}`, '{"a":1}\n'],
        ['\n\n', '\n\n'],
      ] as const;
      for (const [before, after] of cases) {
        await writeFile(path, before);
        expect(await repairJsonlTail(path)).toBe(Buffer.byteLength(before) - Buffer.byteLength(after));
        expect(await readFile(path, 'utf8')).toBe(after);
      }
      expect(await repairJsonlTail(join(dir, 'none'))).toBe(0);
      await expect(repairJsonlTail(dir)).rejects.toMatchObject({ exitCode: 2 });
    });
  });
});

describe('JsonlWriter', () => {
  it('never interleaves lines of overlapping writes and keeps their order', async () => {
    await withTemporaryFolder(async (dir) => {
      const path = join(dir, 'deep', 'x.jsonl');
      const writer = await JsonlWriter.open(path);
      await Promise.all(Array.from({ length: 300 }, (_, a) => writer.write({ a, pad: 'z'.repeat(a * 13) })));
      await writer.close();
      const records: number[] = [];
      for await (const { a } of readJsonl(path, schema)) records.push(a);
      expect(records).toEqual(Array.from({ length: 300 }, (_, a) => a));
    });
  });

  it('goes on after a crash in the middle of a line, whatever the cut', async () => {
    const whole = `${JSON.stringify({ a: 1, text: 'é中\n"' })}\n${JSON.stringify({ a: 2 })}\n`;
    await withTemporaryFolder(async (dir) => {
      const bytes = Buffer.from(whole);
      for (let cut = 0; cut <= bytes.length; cut++) {
        const path = join(dir, `cut-${cut}.jsonl`);
        await writeFile(path, bytes.subarray(0, cut));
        const writer = await JsonlWriter.open(path);
        await writer.write({ a: 3 });
        await writer.close();
        const records: number[] = [];
        for await (const { a } of readJsonl(path, schema)) records.push(a);
        expect(records.at(-1)).toBe(3);
        expect(records.slice(0, -1)).toEqual([1, 2].slice(0, records.length - 1));
      }
    });
  });

  it('starts anew when told to', async () => {
    await withTemporaryFolder(async (dir) => {
      const path = join(dir, 'x.jsonl');
      await writeFile(path, 'old\n');
      const writer = await JsonlWriter.open(path, { append: false });
      await writer.write({ a: 1 });
      await writer.close();
      expect(await readFile(path, 'utf8')).toBe('{"a":1}\n');
    });
  });

  it('refuses what has no JSON text and writes nothing of it', async () => {
    await withTemporaryFolder(async (dir) => {
      const path = join(dir, 'x.jsonl');
      const writer = await JsonlWriter.open(path);
      await expect(writer.write(undefined)).rejects.toThrow(TypeError);
      const loop: Record<string, unknown> = {};
      loop.self = loop;
      await expect(writer.write(loop)).rejects.toThrow(TypeError);
      await writer.write({ a: 1 });
      await writer.close();
      expect(await readFile(path, 'utf8')).toBe('{"a":1}\n');
    });
  });

  it('says so when the folder cannot be made or the file is a folder', async () => {
    await withTemporaryFolder(async (dir) => {
      await writeFile(join(dir, 'file'), '');
      await expect(JsonlWriter.open(join(dir, 'file', 'x.jsonl'))).rejects.toMatchObject({
        code: 'FILE_NOT_FOLDER',
        exitCode: 2,
      });
      await mkdir(join(dir, 'folder'));
      await expect(JsonlWriter.open(join(dir, 'folder'))).rejects.toMatchObject({
        code: 'FILE_IS_FOLDER',
        exitCode: 2,
      });
    });
  });

  // It fails every write with "no space left", as a full disk does.
  it.runIf(existsSync('/dev/full'))(
    'reports a full disk and takes no further line after half a one',
    async () => {
      const writer = await JsonlWriter.open('/dev/full', { append: false });
      await expect(writer.write({ a: 1 })).rejects.toMatchObject({ code: 'DISK_FULL', exitCode: 2 });
      await expect(writer.write({ a: 2 })).rejects.toMatchObject({ code: 'DISK_FULL' });
      await writer.close();
    },
  );

  it('fails a write after close', async () => {
    await withTemporaryFolder(async (dir) => {
      const path = join(dir, 'x.jsonl');
      const writer = await JsonlWriter.open(path);
      await writer.close();
      await expect(writer.write({ a: 1 })).rejects.toMatchObject({ code: 'FILE_FAILED' });
    });
  });
});
