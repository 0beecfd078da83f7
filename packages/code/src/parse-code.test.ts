import { describe, expect, it } from 'vitest';
import { SourceTooLargeError } from './errors.js';
import { parseTree } from './internal/parser.js';
import { parseCode } from './parse-code.js';

describe('parseCode', () => {
  it('reports clean code as clean', () => {
    const report = parseCode('int f(int a) { return a + 1; }');
    expect(report.ok).toBe(true);
    expect(report.cleanShare).toBe(1);
    expect(report.functions.map(({ name }) => name)).toEqual(['f']);
  });

  it('measures how much of broken code is outside errors, and still finds its functions', () => {
    const report = parseCode('int f(int a) { return a + 1; }\n@@@ $$ ((( \nint g(void) { return 2; }');
    expect(report.ok).toBe(false);
    expect(report.cleanShare).toBeGreaterThan(0);
    expect(report.cleanShare).toBeLessThan(1);
    expect(report.functions.map(({ name }) => name)).toContain('f');
  });

  it('counts a missing token as not ok', () => {
    expect(parseCode('int f(void) { return 1 }').ok).toBe(false);
  });

  it('parses texts beyond the buffer of the binding, also of characters that take more bytes', () => {
    expect(parseCode(`void f(void) {\n${'  g(1);\n'.repeat(10_000)}}`).ok).toBe(true);
    expect(parseCode(`char *s = "${'日'.repeat(40_000)}";`).ok).toBe(true);
  });

  it('counts positions in UTF-16 code units', () => {
    const source = 'char *s = "日本😀"; int z;';
    const leaf = parseTree(source).rootNode.children.at(-1)!;
    expect(source.slice(leaf.startIndex, leaf.endIndex)).toBe('int z;');
  });

  it('takes empty text and refuses one over the cap', () => {
    expect(parseCode('')).toEqual({ ok: true, cleanShare: 1, timedOut: false, functions: [] });
    expect(() => parseCode('int x;', 'c', { maxSourceLength: 3 })).toThrow(SourceTooLargeError);
  });

  it('frees native memory over thousands of texts when the event loop turns', async () => {
    const body = '  if (a > 3) { b[a] = g(a, "text") + 2; } /* note */\n'.repeat(40);
    const round = async (from: number): Promise<void> => {
      for (let i = from; i < from + 600; i++) {
        parseCode(`int f${i}(int a, int *b) {\n${body}}`);
        if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await round(0);
    await round(600);
    const before = process.memoryUsage().rss;
    for (let i = 2; i < 6; i++) await round(i * 600);
    // 2,400 trees of this size are about 300 MB when none is freed.
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(120);
  });
});
