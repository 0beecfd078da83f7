import { InputError, Rng } from '@srcode/core';
import { describe, expect, it } from 'vitest';
import {
  codeShingles,
  groupNearDuplicates,
  jaccardSimilarity,
  minHash,
  shingles,
  textShingles,
} from './near-duplicates.js';

function randomSet(rng: Rng, size: number): Set<number> {
  return new Set(Array.from({ length: size }, () => rng.nextUint32()));
}

describe('near-duplicates', () => {
  it('compares code by runs of tokens and prompts by runs of words', () => {
    const a = codeShingles('int f(int a) { return a + 1; }');
    expect(jaccardSimilarity(a, codeShingles('int f( int a )\n{ /* c */ return a+1; }'))).toBe(1);
    expect(jaccardSimilarity(a, codeShingles('void g(char *s) { puts(s); exit(2); }'))).toBeLessThan(0.2);
    expect(
      jaccardSimilarity(textShingles('Write a function, please.'), textShingles('write a FUNCTION please')),
    ).toBe(1);
  });

  it('finds renamed copies when asked for structure', () => {
    const [a, b] = ['int f(int a) { return a + 1; }', 'int g(int x) { return x + 1; }'];
    expect(jaccardSimilarity(codeShingles(a), codeShingles(b))).toBeLessThan(0.5);
    expect(
      jaccardSimilarity(codeShingles(a, { structural: true }), codeShingles(b, { structural: true })),
    ).toBe(1);
  });

  it('makes one shingle of a short text and none of an empty one', () => {
    expect(shingles(['a', 'b']).size).toBe(1);
    expect(shingles([]).size).toBe(0);
    expect(jaccardSimilarity(new Set(), new Set())).toBe(1);
    expect(() => shingles(['a'], 0)).toThrow(InputError);
  });

  it('estimates Jaccard similarity by MinHash', () => {
    const rng = Rng.fromSeed(1);
    const a = randomSet(rng, 400);
    const b = new Set([...[...a].slice(0, 300), ...randomSet(rng, 100)]);
    const [left, right] = [minHash(a, 512), minHash(b, 512)];
    const equal = left.filter((value, i) => value === right[i]).length / 512;
    expect(Math.abs(equal - jaccardSimilarity(a, b))).toBeLessThan(0.08);
  });

  it('groups near-duplicates transitively under the first of them', () => {
    const rng = Rng.fromSeed(2);
    const base = [...randomSet(rng, 200)];
    const near = (from: readonly number[]): number[] => [...from.slice(10), ...randomSet(rng, 10)];
    const second = near(base);
    const third = near(second);
    const other = randomSet(rng, 200);
    expect([...groupNearDuplicates([new Set(base), other, new Set(third), new Set(second)])]).toEqual([
      0, 1, 0, 0,
    ]);
  });
});
