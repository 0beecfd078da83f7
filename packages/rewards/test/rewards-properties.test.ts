import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createInstanceReward,
  createLineReward,
  createTokenReward,
  matchRollout,
  type RewardPair,
  tagReference,
} from '../src/index.js';
import { createLexicalCompletion } from '../src/testing/index.js';
import { cutOffsets, randomPair, renameIdentifiers, respace } from './random-programs.js';

const reward = createTokenReward();
const total = (pair: RewardPair, text: string): number =>
  reward.score(pair, createLexicalCompletion(text)).total;
const blank = fc.constantFrom(' ', '\n', '\t  ', ' /* note */ ', ' // note\n', '\n\n');
const blanks = fc.array(blank, { minLength: 1, maxLength: 7 });
const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);

describe('rewards of random programs', () => {
  it('are α for the secure text and −β for the vulnerable one', () => {
    fc.assert(
      fc.property(randomPair, (pair) => {
        expect(total(pair, pair.secure)).toBeCloseTo(1, 6);
        expect(total(pair, pair.vulnerable)).toBeCloseTo(-1, 6);
      }),
      { numRuns: 400 },
    );
  });

  it('are zero everywhere when the sides differ in layout alone', () => {
    fc.assert(
      fc.property(randomPair, blanks, ({ vulnerable }, spaces) => {
        const pair = { id: 'same', vulnerable, secure: respace(vulnerable, spaces) };
        const { values, spans } = reward.score(pair, createLexicalCompletion(vulnerable));
        expect(Array.from(values).every((value) => value === 0)).toBe(true);
        expect(spans).toEqual([]);
        expect(tagReference(pair, 'secure')).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('do not change with the layout of the answer or of the pair', () => {
    fc.assert(
      fc.property(randomPair, blanks, fc.boolean(), (pair, spaces, secure) => {
        const text = secure ? pair.secure : pair.vulnerable;
        const before = reward.score(pair, createLexicalCompletion(text)).values;
        const moved = createLexicalCompletion(respace(text, spaces));
        expect(reward.score(pair, moved).values).toEqual(before);
        const laidOut = { id: 'x', vulnerable: respace(pair.vulnerable, spaces), secure: pair.secure };
        expect(reward.score(laidOut, moved).values).toEqual(before);
      }),
      { numRuns: 100 },
    );
  });

  it('do not change when pair and answer are renamed together', () => {
    fc.assert(
      fc.property(randomPair, randomPair, (pair, other) => {
        const rename = (text: string): string => renameIdentifiers(text, (name) => `x_${name}`);
        const renamed = { id: 'x', vulnerable: rename(pair.vulnerable), secure: rename(pair.secure) };
        for (const text of [pair.secure, pair.vulnerable, other.secure]) {
          const { values } = reward.score(pair, createLexicalCompletion(text));
          expect(reward.score(renamed, createLexicalCompletion(rename(text))).values).toEqual(values);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('are the same mass wherever it is placed, whatever the tokenizer', () => {
    const strategies = [reward, createLineReward(), createInstanceReward()];
    fc.assert(
      fc.property(randomPair, fc.boolean(), fc.array(fc.nat(), { maxLength: 80 }), (pair, secure, cuts) => {
        const text = secure ? pair.secure : pair.vulnerable;
        const tokenOffsets = cutOffsets(text, cuts);
        const expected = total(pair, text);
        for (const strategy of strategies) {
          const scored = strategy.score(pair, { text, tokenOffsets });
          expect(scored.values.length).toBe(tokenOffsets.length);
          expect(scored.total).toBeCloseTo(expected, 9);
          expect(Math.abs(sum(scored.values) - scored.total)).toBeLessThan(1e-6);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('stay on the tokens of their spans', () => {
    fc.assert(
      fc.property(randomPair, fc.boolean(), (pair, secure) => {
        const completion = createLexicalCompletion(secure ? pair.secure : pair.vulnerable);
        const { values, spans } = reward.score(pair, completion);
        for (const [i, [start, end]] of completion.tokenOffsets.entries()) {
          const covered = spans.some((span) => span.start < end && start < span.end);
          expect(values[i] !== 0).toBe(covered);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('agree with the off-policy tags on the pair’s own texts', () => {
    fc.assert(
      fc.property(randomPair, fc.boolean(), (pair, secure) => {
        const side = secure ? 'secure' : 'vulnerable';
        const tags = tagReference(pair, side);
        expect(sum(tags.map((tag) => tag.value))).toBeCloseTo(secure ? 1 : -1, 9);
        const tagged = new Set(tags.map((tag) => tag.tokenIndex));
        const match = matchRollout(pair, pair[side]);
        const rewarded = new Set(match.hunks.flatMap((hunk) => hunk.evidence));
        expect([...rewarded].sort()).toEqual([...tagged].sort());
      }),
      { numRuns: 200 },
    );
  });

  it('never throw, and are finite, on any text', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom('```c\n', '```', '{', '(', '"', '/*', 'int work(', '\ud800'),
    );
    fc.assert(
      fc.property(randomPair, fc.array(piece, { maxLength: 12 }), fc.nat(), (pair, pieces, cut) => {
        const text = pieces.join('') + pair.secure.slice(0, cut % pair.secure.length) + pieces.join('\n');
        const completion = { text, tokenOffsets: cutOffsets(text, [3, 9, 27, 81]) };
        for (const one of [reward, createTokenReward({ brokenSyntaxMass: 0.5 })]) {
          const { values, total } = one.score(pair, completion);
          expect(Array.from(values).every(Number.isFinite)).toBe(true);
          expect(Math.abs(values.reduce((sum, value) => sum + value, 0) - total)).toBeLessThan(1e-5);
          expect(total).toBeGreaterThanOrEqual(-1.5 - 1e-9);
        }
      }),
      { numRuns: 200 },
    );
  });
});
