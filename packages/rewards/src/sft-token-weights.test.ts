import { describe, expect, it } from 'vitest';
import { RewardInputError } from './errors.js';
import { sftTokenWeights } from './sft-token-weights.js';
import { createLexicalCompletion, examplePairs } from './testing/index.js';

const { insertion, deletion } = examplePairs;
const { tokenOffsets } = createLexicalCompletion(insertion.secure);

describe('sftTokenWeights', () => {
  it('weighs what the fix brought more', () => {
    const weights = sftTokenWeights(insertion, tokenOffsets, { normalize: false, securityWeight: 3 });
    const heavy = tokenOffsets.filter((_, i) => weights[i] === 3);
    expect(heavy.map(([start, end]) => insertion.secure.slice(start, end)).join(' ')).toBe(
      'if ( index < 0 || index >= count ) return - 1 ;',
    );
    expect(new Set(weights)).toEqual(new Set([1, 3]));
  });

  it('has mean 1 unless told otherwise', () => {
    const weights = sftTokenWeights(insertion, tokenOffsets);
    expect(weights.reduce((a, b) => a + b, 0) / weights.length).toBeCloseTo(1, 5);
  });

  it('weighs the token after a removed statement, counts from where the code starts, and blends partial overlap', () => {
    const lead = 'Code:\n';
    const at = lead.length + deletion.secure.indexOf('count');
    const weights = sftTokenWeights(
      deletion,
      [
        [0, 6],
        [at - 3, at],
        [at, at + 5],
        [at, at + 10],
      ],
      {
        codeStart: lead.length,
        normalize: false,
        securityWeight: 5,
      },
    );
    expect([...weights]).toEqual([1, 1, 5, 3]);
  });

  it('is 1 everywhere without a difference, and refuses negative weights', () => {
    const same = { id: 'x', vulnerable: 'int a;', secure: 'int a ;' };
    expect([
      ...sftTokenWeights(same, [
        [0, 3],
        [3, 3],
        [4, 5],
      ]),
    ]).toEqual([1, 1, 1]);
    expect(() => sftTokenWeights(insertion, tokenOffsets, { securityWeight: -1 })).toThrow(RewardInputError);
  });
});
