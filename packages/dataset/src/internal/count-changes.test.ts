import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countChanges } from './count-changes.js';

/** Length of a longest common subsequence, by the textbook table. */
function lcsLength(a: readonly string[], b: readonly string[]): number {
  const table = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++)
      table[i]![j] =
        a[i - 1] === b[j - 1] ? table[i - 1]![j - 1]! + 1 : Math.max(table[i - 1]![j]!, table[i]![j - 1]!);
  return table[a.length]![b.length]!;
}

describe('countChanges', () => {
  it('counts what a shortest edit script deletes and adds', () => {
    const items = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 24 });
    fc.assert(
      fc.property(items, items, (before, after) => {
        const common = lcsLength(before, after);
        expect(countChanges(before, after)).toEqual({
          deleted: before.length - common,
          added: after.length - common,
        });
      }),
    );
  });

  it('falls back to multisets when the texts have nothing in order', () => {
    const before = Array.from({ length: 6000 }, (_, i) => `a${i}`);
    const after = Array.from({ length: 6000 }, (_, i) => `b${i}`);
    expect(countChanges(before, after)).toEqual({ deleted: 6000, added: 6000 });
  });
});
