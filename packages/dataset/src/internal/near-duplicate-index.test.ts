import { describe, expect, it } from 'vitest';
import { makeVulnerableCode } from '../testing/index.js';
import { jaccard, NearDuplicateIndex, shingleHashes } from './near-duplicate-index.js';

const longFunction = (seed: number): string =>
  `int f${seed}(void)\n{\n${Array.from({ length: 60 }, (_, i) => `\tcall_${(i * seed) % 97}(x${i}, ${i * seed});`).join('\n')}\n}\n`;

describe('shingleHashes and jaccard', () => {
  it('are blind to comments and layout', () => {
    const text = longFunction(3);
    const other = text.replaceAll(';', ' ; // note\n');
    expect(jaccard(shingleHashes(text), shingleHashes(other))).toBe(1);
  });

  it('give empty and short texts a hash of their own', () => {
    expect(jaccard(shingleHashes(''), shingleHashes(' /* */ '))).toBe(1);
    expect(jaccard(shingleHashes('a;'), shingleHashes('b;'))).toBe(0);
  });
});

describe('NearDuplicateIndex', () => {
  it('finds a text with one line changed and no stranger', () => {
    const index = new NearDuplicateIndex(0.8);
    for (let seed = 1; seed <= 50; seed++) expect(index.add(longFunction(seed * 7 + 1)).matches).toEqual([]);
    const changed = longFunction(22).replace('call_0', 'checked_call_0');
    const { matches } = index.add(changed);
    expect(matches.map(({ index: at }) => at)).toEqual([2]);
    expect(matches[0]!.similarity).toBeGreaterThan(0.9);
  });

  it('does not join texts below the threshold', () => {
    const index = new NearDuplicateIndex(0.95);
    index.add(makeVulnerableCode(1));
    expect(index.add(makeVulnerableCode(2)).matches).toEqual([]);
  });

  it('still finds the first of thousands of copies', () => {
    const index = new NearDuplicateIndex(0.9);
    const text = longFunction(5);
    for (let i = 0; i < 3000; i++) {
      const { matches } = index.add(text);
      expect(matches.length).toBeLessThan(200);
      if (i > 0) expect(matches.some(({ index: at }) => at === 0)).toBe(true);
    }
  });
});
