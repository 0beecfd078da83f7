import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RewardInputError } from './errors.js';
import { type MassSpan, mapSpansToTokens } from './map-spans-to-tokens.js';

const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);

const offsets = fc.array(fc.tuple(fc.nat(3), fc.nat(6)), { minLength: 1, maxLength: 40 }).map((steps) => {
  let at = 0;
  return steps.map(([skip, length]): [number, number] => {
    const start = at + skip;
    at = start + length;
    return [start, at];
  });
});
const spans = fc.array(
  fc
    .tuple(fc.nat(150), fc.nat(20), fc.double({ min: -5, max: 5, noNaN: true }))
    .map(([start, length, value]): MassSpan => ({ start, end: start + length, value })),
  { maxLength: 30 },
);

describe('mapSpansToTokens', () => {
  it('preserves the sum to 1e-6 for any spans and tokens', () => {
    fc.assert(
      fc.property(offsets, spans, (tokens, masses) => {
        const values = mapSpansToTokens(masses, tokens);
        expect(values.length).toBe(tokens.length);
        expect(Math.abs(sum(values) - sum(masses.map(({ value }) => value)))).toBeLessThan(1e-6);
      }),
      { numRuns: 500 },
    );
  });

  it('shares a span by overlapping characters', () => {
    // "if (x)" as the tokens "i", "f (", "x)"
    const values = mapSpansToTokens(
      [
        { start: 0, end: 2, value: 1 },
        { start: 4, end: 5, value: -0.5 },
      ],
      [
        [0, 1],
        [1, 4],
        [4, 6],
      ],
    );
    expect([...values]).toEqual([0.5, 0.5, -0.5]);
  });

  it('adds spans that share a token', () => {
    expect([
      ...mapSpansToTokens(
        [
          { start: 0, end: 1, value: 1 },
          { start: 1, end: 3, value: 2 },
        ],
        [[0, 9]],
      ),
    ]).toEqual([3]);
  });

  it('passes over special tokens with empty spans, wherever they stand', () => {
    const tokens: [number, number][] = [
      [0, 0],
      [0, 3],
      [3, 3],
      [3, 6],
      [0, 0],
    ];
    expect([...mapSpansToTokens([{ start: 0, end: 6, value: 1 }], tokens)]).toEqual([0, 0.5, 0, 0.5, 0]);
  });

  it('shares among the tokens that spell one character together', () => {
    const values = mapSpansToTokens(
      [{ start: 1, end: 3, value: 1 }],
      [
        [0, 1],
        [1, 3],
        [1, 3],
        [1, 3],
        [3, 4],
      ],
    );
    expect(values[0]).toBe(0);
    expect(values[1]).toBeCloseTo(1 / 3, 6);
    expect(values[4]).toBe(0);
  });

  it('gives a span without token to the nearest, and keeps nothing without tokens', () => {
    expect([
      ...mapSpansToTokens(
        [{ start: 9, end: 12, value: 1 }],
        [
          [0, 2],
          [2, 4],
        ],
      ),
    ]).toEqual([0, 1]);
    expect([
      ...mapSpansToTokens(
        [{ start: 2, end: 3, value: 1 }],
        [
          [0, 2],
          [4, 6],
        ],
      ),
    ]).toEqual([0, 1]);
    expect([
      ...mapSpansToTokens(
        [{ start: 0, end: 3, value: 1 }],
        [
          [0, 0],
          [0, 0],
        ],
      ),
    ]).toEqual([0, 1]);
    expect(mapSpansToTokens([{ start: 0, end: 3, value: 1 }], []).length).toBe(0);
  });

  it('refuses offsets that go backwards or are no spans', () => {
    expect(() =>
      mapSpansToTokens(
        [],
        [
          [4, 6],
          [2, 3],
        ],
      ),
    ).toThrow(RewardInputError);
    expect(() => mapSpansToTokens([], [[3, 2]])).toThrow(/offsets/);
    expect(() => mapSpansToTokens([], [[0, 1.5]])).toThrow(RewardInputError);
  });
});
