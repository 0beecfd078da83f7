import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DiffRow, diffPair } from './diff-pair.js';

const textOf = (rows: readonly DiffRow[], side: 'before' | 'after'): string =>
  rows.flatMap((row) => (row[side] ? [row[side].parts.map(({ text }) => text).join('')] : [])).join('\n');

describe('diffPair', () => {
  it('faces changed lines and marks the changed tokens alone', () => {
    const rows = diffPair('a();\nif (n > size)\n  b();', 'a();\nif (n >= size)\n  b();');
    expect(rows).toHaveLength(3);
    expect(rows[1]!.before!.changed).toBe(true);
    expect(rows[1]!.after!.parts.filter(({ changed }) => changed).map(({ text }) => text)).toEqual(['=']);
    expect(rows[2]!.before!.changed).toBe(false);
  });

  it('leaves the other side empty for added lines', () => {
    const rows = diffPair('a();\nb();', 'a();\ncheck();\nb();');
    expect(rows[1]).toMatchObject({ before: null, after: { lineNumber: 2, changed: true } });
  });

  it('marks nothing where only the layout changes', () => {
    const rows = diffPair('if(a)b();', 'if (a)\n  b();');
    expect(
      rows
        .flatMap(({ before, after }) => [...(before?.parts ?? []), ...(after?.parts ?? [])])
        .some(({ changed }) => changed),
    ).toBe(false);
  });

  it('shows both texts whole, in order, whatever they are', () => {
    const line = fc
      .array(fc.constantFrom('a', 'b ', '(', ')', ' ', '\t', '1.5', '"é"', '中'))
      .map((parts) => parts.join('').trimEnd());
    const text = fc
      .array(line, { minLength: 1, maxLength: 12 })
      .map((lines) => lines.join('\n').replace(/\n+$/, ''));
    fc.assert(
      fc.property(text, text, (before, after) => {
        const rows = diffPair(before, after);
        expect(textOf(rows, 'before')).toBe(before);
        expect(textOf(rows, 'after')).toBe(after);
        const numbers = rows.flatMap((row) => (row.before ? [row.before.lineNumber] : []));
        expect(numbers).toEqual(numbers.map((_, i) => i + 1));
      }),
    );
  });
});
