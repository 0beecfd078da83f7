import { describe, expect, it } from 'vitest';
import { createInstanceReward, createLineReward, createTokenReward } from './create-rewards.js';
import { RewardInputError } from './errors.js';
import { createLexicalCompletion, examplePairs } from './testing/index.js';

const { insertion } = examplePairs;
const secure = createLexicalCompletion(insertion.secure);
const rewarded = (values: Float32Array): string[] =>
  secure.tokenOffsets
    .filter((_, i) => values[i] !== 0)
    .map(([start, end]) => insertion.secure.slice(start, end));

describe('placements', () => {
  it('put the mass on the tokens, on their line, or on the last token', () => {
    const scored = createTokenReward().score(insertion, secure);
    expect(rewarded(scored.values).join(' ')).toBe('if ( index < 0 || index >= count ) return - 1 ;');
    expect(scored.total).toBeCloseTo(1, 9);

    const byLine = createLineReward().score(insertion, createLexicalCompletion(insertion.vulnerable));
    const touched = createLexicalCompletion(insertion.vulnerable).tokenOffsets.filter(
      (_, i) => byLine.values[i] !== 0,
    );
    expect(touched.map(([start, end]) => insertion.vulnerable.slice(start, end)).join(' ')).toBe(
      'value = table [ index ] ;',
    );
    expect(byLine.total).toBeCloseTo(-1, 9);

    const last = createInstanceReward().score(insertion, secure);
    expect(rewarded(last.values)).toEqual(['}']);
    expect(last.values.at(-1)).toBeCloseTo(1, 6);
    expect(last.spans).toMatchObject([{ side: 'secure', hunk: -1, value: expect.closeTo(1, 9) }]);
  });

  it('share a hunk equally among its lines', () => {
    const pair = {
      id: 'lines',
      vulnerable: 'int f(int a) {\n  return a;\n}',
      secure: 'int f(int a) {\n  if (a < 0)\n    return 0;\n  return a;\n}',
    };
    const { values } = createLineReward().score(pair, createLexicalCompletion(pair.secure));
    const mass = (line: string): number =>
      createLexicalCompletion(pair.secure).tokenOffsets.reduce((sum, [start], i) => {
        const from = pair.secure.indexOf(line);
        return start >= from && start < from + line.length ? sum + values[i]! : sum;
      }, 0);
    expect(mass('if (a < 0)')).toBeCloseTo(0.5, 6);
    expect(mass('return 0;')).toBeCloseTo(0.5, 6);
  });

  it('scale with α and β', () => {
    const reward = createTokenReward({ secureMass: 2, vulnerableMass: 0.5 });
    expect(reward.score(insertion, secure).total).toBeCloseTo(2, 9);
    expect(reward.score(insertion, createLexicalCompletion(insertion.vulnerable)).total).toBeCloseTo(-0.5, 9);
  });

  it('return nothing for an answer without tokens and refuse offsets outside of the text', () => {
    for (const create of [createTokenReward, createLineReward, createInstanceReward]) {
      const scored = create().score(insertion, { text: insertion.secure, tokenOffsets: [] });
      expect([scored.values.length, scored.total, scored.spans.length]).toEqual([0, 0, 0]);
      expect(() => create().score(insertion, { text: 'ab', tokenOffsets: [[0, 3]] })).toThrow(
        RewardInputError,
      );
    }
  });

  it('count the last token of an answer that ends in special tokens', () => {
    const tokenOffsets = [
      ...secure.tokenOffsets,
      [insertion.secure.length, insertion.secure.length] as const,
    ];
    const { values } = createInstanceReward().score(insertion, { text: insertion.secure, tokenOffsets });
    expect(values.at(-1)).toBeCloseTo(1, 6);
    expect(createTokenReward().score(insertion, { text: insertion.secure, tokenOffsets }).values.at(-1)).toBe(
      0,
    );
  });
});
