import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explainedVariance, meanOf, meanWeights } from './mean-weights.js';

describe('meanWeights', () => {
  it('weighs tokens alike or sequences alike', () => {
    expect([...meanWeights([1, 3], 'token')]).toEqual([0.25, 0.25, 0.25, 0.25]);
    const perSequence = meanWeights([1, 3], 'sequence');
    expect(perSequence[0]).toBe(0.5);
    expect(perSequence[3]).toBeCloseTo(1 / 6, 7);
  });

  it('sums to 1 for every batch with a token', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 10 }), (lengths) => {
        fc.pre(lengths.some((length) => length > 0));
        for (const how of ['token', 'sequence'] as const)
          expect(meanWeights(lengths, how).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
      }),
    );
  });

  it('is empty for a batch without tokens', () => {
    expect(meanWeights([0, 0], 'sequence')).toHaveLength(0);
    expect(meanOf([])).toBe(0);
  });
});

describe('explainedVariance', () => {
  const returns = Float32Array.from([1, 2, 3]);
  it('is 1 for a perfect critic, 0 for a constant one, negative for one that hurts', () => {
    expect(explainedVariance(returns, returns)).toBe(1);
    expect(explainedVariance(Float32Array.from([5, 5, 5]), returns)).toBeCloseTo(0, 6);
    expect(explainedVariance(Float32Array.from([3, 2, 1]), returns)).toBeCloseTo(-3, 5);
    expect(explainedVariance(returns, Float32Array.from([2, 2, 2]))).toBe(0);
  });
});
