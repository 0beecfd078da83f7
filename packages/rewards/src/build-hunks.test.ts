import { describe, expect, it } from 'vitest';
import { buildHunks } from './build-hunks.js';
import { RewardInputError } from './errors.js';
import { examplePairs } from './testing/index.js';

const text = (tokens: readonly { readonly text: string }[]): string =>
  tokens.map((token) => token.text).join(' ');

/** Two edits with `gap` unchanged tokens between them. */
const apart = (gap: number) => ({
  id: 'apart',
  vulnerable: `a 1 ${'x '.repeat(gap)} 3 b`,
  secure: `a 2 ${'x '.repeat(gap)} 4 b`,
});

describe('buildHunks', () => {
  it('gives what differs and what stands around it', () => {
    const [hunk] = buildHunks(examplePairs.insertion, { contextTokens: 3 });
    expect(text(hunk!.before)).toBe('int value ;');
    expect(text(hunk!.vulnerable)).toBe('');
    expect(text(hunk!.secure)).toBe('if ( index < 0 || index >= count ) return - 1 ;');
    expect(text(hunk!.after)).toBe('value = table');
    expect(hunk!.weight).toBe(1);
  });

  it('merges neighbours closer than the context, and keeps their edits apart', () => {
    expect(buildHunks(apart(8))).toHaveLength(2);
    const [merged, ...rest] = buildHunks(apart(7));
    expect(rest).toEqual([]);
    expect(merged!.edits).toHaveLength(2);
    expect(text(merged!.secure)).toBe('2 x x x x x x x 4');
  });

  it('weighs hunks by size or evenly, adding up to 1', () => {
    const pair = {
      id: 'sizes',
      vulnerable: `a 1 ${'x '.repeat(9)} b`,
      secure: `a 2 ${'x '.repeat(9)} if (long_check(x) > limit) return -1; b`,
    };
    const sized = buildHunks(pair).map((hunk) => hunk.weight);
    expect(sized[0]! + sized[1]!).toBeCloseTo(1, 12);
    expect(sized[1]!).toBeGreaterThan(sized[0]!);
    expect(buildHunks(pair, { hunkWeights: 'uniform' }).map((hunk) => hunk.weight)).toEqual([0.5, 0.5]);
  });

  it('finds none where the sides differ in layout and comments', () => {
    expect(
      buildHunks({ id: 'x', vulnerable: 'int f(){return 1;}', secure: 'int f()\n{ /* one */ return 1; }' }),
    ).toEqual([]);
    expect(buildHunks({ id: 'x', vulnerable: '', secure: '' })).toEqual([]);
  });

  it('refuses options out of range', () => {
    expect(() => buildHunks(examplePairs.insertion, { contextTokens: 0 })).toThrow(RewardInputError);
    expect(() => buildHunks(examplePairs.insertion, { minScore: Number.NaN })).toThrow(/minScore/);
  });
});
