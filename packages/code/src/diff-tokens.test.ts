import { diffArrays } from 'diff';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffTokens } from './diff-tokens.js';
import { lexTokens } from './lex-tokens.js';
import type { DiffHunk, LexicalToken } from './types.js';

const tokensOf = (words: readonly string[]): LexicalToken[] => lexTokens(words.join(' '));
const word = fc.constantFrom('a', 'b', 'c', '(', ')', ';', '{', '}', '1');
const words = fc.array(word, { maxLength: 40 });

/** `a` rewritten by the hunks. */
function applyHunks(
  a: readonly LexicalToken[],
  b: readonly LexicalToken[],
  hunks: readonly DiffHunk[],
): string[] {
  const out: string[] = [];
  let at = 0;
  for (const hunk of hunks) {
    for (; at < hunk.vulnerableStart; at++) out.push(a[at]!.text);
    for (let i = hunk.secureStart; i < hunk.secureEnd; i++) out.push(b[i]!.text);
    at = hunk.vulnerableEnd;
  }
  for (; at < a.length; at++) out.push(a[at]!.text);
  return out;
}

const cost = (hunks: readonly DiffHunk[]): number =>
  hunks.reduce((sum, h) => sum + h.vulnerableEnd - h.vulnerableStart + h.secureEnd - h.secureStart, 0);

describe('diffTokens', () => {
  it('turns one text into the other by disjoint hunks that never touch, at least cost', () => {
    fc.assert(
      fc.property(words, words, (left, right) => {
        const [a, b] = [tokensOf(left), tokensOf(right)];
        const hunks = diffTokens(a, b);
        expect(applyHunks(a, b, hunks)).toEqual(b.map((token) => token.text));
        for (const [i, hunk] of hunks.entries()) {
          expect(
            hunk.vulnerableEnd - hunk.vulnerableStart + hunk.secureEnd - hunk.secureStart,
          ).toBeGreaterThan(0);
          const previous = hunks[i - 1];
          if (!previous) continue;
          expect(hunk.vulnerableStart).toBeGreaterThan(previous.vulnerableEnd);
          expect(hunk.secureStart).toBeGreaterThan(previous.secureEnd);
        }
        const oracle = diffArrays(
          a.map((token) => token.text),
          b.map((token) => token.text),
        );
        const shortest = oracle.reduce(
          (sum, part) => sum + (part.added || part.removed ? part.value.length : 0),
          0,
        );
        expect(cost(hunks)).toBe(shortest);
      }),
      { numRuns: 800 },
    );
  });

  it('finds nothing between texts that differ in whitespace and comments', () => {
    expect(
      diffTokens(lexTokens('int f(){return 1;}'), lexTokens('int f ( ) /* x */ {\n return 1 ; }')),
    ).toEqual([]);
  });

  it('stays valid when the search is cut short', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 200 }), fc.array(word, { maxLength: 200 }), (left, right) => {
        const [a, b] = [tokensOf(left), tokensOf(right)];
        expect(applyHunks(a, b, diffTokens(a, b, { maxCost: 2 }))).toEqual(b.map((token) => token.text));
      }),
    );
  });

  it('gives the same hunks every time, also where several shortest scripts exist', () => {
    const [a, b] = [tokensOf(['a', 'b', 'a', 'b']), tokensOf(['b', 'a', 'b', 'a'])];
    expect(diffTokens(a, b)).toEqual(diffTokens(a, b));
    expect(diffTokens(a, b)).toMatchInlineSnapshot(`
      [
        {
          "secureEnd": 0,
          "secureStart": 0,
          "vulnerableEnd": 1,
          "vulnerableStart": 0,
        },
        {
          "secureEnd": 4,
          "secureStart": 3,
          "vulnerableEnd": 4,
          "vulnerableStart": 4,
        },
      ]
    `);
  });

  it('puts an added statement on its own bounds', () => {
    const a = lexTokens('void f(int n) { if (n < 0) return; g(n); }');
    const b = lexTokens('void f(int n) { if (n < 0) return; if (n > 9) return; g(n); }');
    const [hunk, ...rest] = diffTokens(a, b);
    expect(rest).toEqual([]);
    expect(b.slice(hunk!.secureStart, hunk!.secureEnd).map((token) => token.text)).toEqual([
      ...['if', '(', 'n', '>', '9', ')', 'return', ';'],
    ]);
  });

  it('ends on long texts with nothing in common', () => {
    const a = tokensOf(Array.from({ length: 8000 }, (_, i) => `a${(i * 7919) % 4001}`));
    const b = tokensOf(Array.from({ length: 8000 }, (_, i) => `a${(i * 104_729) % 3989}`));
    expect(applyHunks(a, b, diffTokens(a, b))).toEqual(b.map((token) => token.text));
  });
});
