import fc from 'fast-check';
import { expect, it } from 'vitest';
import { combineVotes } from './combine-votes.js';

it('is the mean for accepting votes, and a sure rejection lowers it', () => {
  expect(combineVotes([])).toBeNull();
  expect(
    combineVotes([
      { verdict: 'accept', confidence: 0.9 },
      { verdict: 'accept', confidence: 0.7 },
    ]),
  ).toBe(0.8);
  expect(
    combineVotes([
      { verdict: 'accept', confidence: 0.9 },
      { verdict: 'reject', confidence: 0.95 },
    ]),
  ).toBe(0.475);
});

it('stays in [0, 1] and does not depend on the order', () => {
  const vote = fc.record({
    verdict: fc.constantFrom('accept' as const, 'revise' as const, 'reject' as const),
    confidence: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(vote, { minLength: 1, maxLength: 9 }), (votes) => {
      const value = combineVotes(votes)!;
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThanOrEqual(1);
      expect(combineVotes([...votes].reverse())).toBeCloseTo(value, 5);
    }),
  );
});
