import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lexTokens, normaliseText, tokenOverlap } from './lexical-text.js';

describe('lexTokens', () => {
  it('drops comments and layout, keeps strings that look like comments', () => {
    expect(lexTokens('int a; // x\n/* y\n*/ puts("/* no */ // no");')).toEqual([
      'int',
      'a',
      ';',
      'puts',
      '(',
      '"/* no */ // no"',
      ')',
      ';',
    ]);
  });

  it('cuts an unclosed comment or string without failing', () => {
    expect(lexTokens('a /* open')).toEqual(['a']);
    expect(lexTokens('a "open\nb')).toEqual(['a', '"open', 'b']);
  });

  it('sees a line comment that goes on after a backslash', () => {
    expect(lexTokens('// x \\\n still\nint')).toEqual(['int']);
  });

  it('is blind to layout and comments between tokens', () => {
    const word = fc.constantFrom('if', '(', 'x', '0x1F', '"a b"', ')', '{', '->', '}', "'c'", ';');
    const gap = fc.constantFrom(' ', '\n', '\t\t', ' /* c */ ', ' // c\n', '\r\n');
    fc.assert(
      fc.property(fc.array(fc.tuple(word, gap, gap), { maxLength: 40 }), (parts) => {
        const one = parts.map(([text, first]) => text + first).join('');
        const two = parts.map(([text, , second]) => text + second).join('');
        expect(normaliseText(one)).toBe(normaliseText(two));
      }),
    );
  });

  it('never throws, and every token is a piece of the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const token of lexTokens(text)) expect(text.includes(token)).toBe(true);
      }),
    );
  });

  it('tells joined and separate words apart', () => {
    expect(normaliseText('int x')).not.toBe(normaliseText('intx'));
  });
});

describe('tokenOverlap', () => {
  it('is 1 for equal multisets, 0 for disjoint ones, and symmetric', () => {
    const tokens = fc.array(fc.constantFrom('a', 'b', 'c', 'd'));
    fc.assert(
      fc.property(tokens, tokens, (a, b) => {
        const overlap = tokenOverlap(a, b);
        expect(overlap).toBeCloseTo(tokenOverlap(b, a), 12);
        expect(overlap).toBeGreaterThanOrEqual(0);
        expect(tokenOverlap(a, [...a].reverse())).toBe(1);
      }),
    );
    expect(tokenOverlap(['a'], ['b'])).toBe(0);
    expect(tokenOverlap(['a', 'a'], ['a'])).toBe(0.5);
  });
});
