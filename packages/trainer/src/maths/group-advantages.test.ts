import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { computeGroupAdvantages } from './group-advantages.js';

const f32 = (...values: number[]) => Float32Array.from(values);
const group = [f32(0, 1, 0), f32(0, -1), f32(0, 0, 1, 1), f32(0)];

describe('computeGroupAdvantages', () => {
  it('sequence: normalises totals and gives each token the same', () => {
    // totals 1, −1, 2, 0: mean 0.5, variance (0.25 + 2.25 + 2.25 + 0.25)/4 = 1.25
    const [first, second] = computeGroupAdvantages(group, 'sequence');
    expect(new Set(first).size).toBe(1);
    expect(first![0]).toBeCloseTo(0.5 / Math.sqrt(1.25), 3);
    expect(second![1]).toBeCloseTo(-1.5 / Math.sqrt(1.25), 3);
  });

  it('local: keeps unrewarded tokens at 0 and normalises over rewarded ones', () => {
    // rewarded: 1, −1, 1, 1: mean 0.5, variance 0.75
    const advantages = computeGroupAdvantages(group, 'local');
    expect([...advantages[0]!].map((a) => a === 0)).toEqual([true, false, true]);
    expect(advantages[0]![1]).toBeCloseTo(0.5 / Math.sqrt(0.75), 3);
    expect(advantages[1]![1]).toBeCloseTo(-1.5 / Math.sqrt(0.75), 3);
    expect([...advantages[3]!]).toEqual([0]);
  });

  it('future: sums what is still to come', () => {
    const own = computeGroupAdvantages(group, 'local')[2]!;
    const future = computeGroupAdvantages(group, 'future')[2]!;
    expect(future[0]).toBeCloseTo(own[2]! + own[3]!, 5);
    expect(future[3]).toBeCloseTo(own[3]!, 6);
  });

  it('gives nothing to learn where a group has no contrast', () => {
    for (const credit of ['sequence', 'future', 'local'] as const)
      for (const values of computeGroupAdvantages([f32(0, 1), f32(1, 0)], credit))
        for (const value of values) expect(Math.abs(value)).toBeLessThan(1e-3);
  });

  it('sequence advantages sum to 0 over the group', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 2, maxLength: 8 }), (totals) => {
        const advantages = computeGroupAdvantages(
          totals.map((total) => f32(total)),
          'sequence',
        );
        expect(advantages.reduce((sum, values) => sum + values[0]!, 0)).toBeCloseTo(0, 4);
      }),
    );
  });
});
