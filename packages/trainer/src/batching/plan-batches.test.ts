import { Rng } from '@srcode/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBatchPlan, planBatches } from './plan-batches.js';

describe('planBatches', () => {
  it('visits every example once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 300 }), { minLength: 1, maxLength: 90 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 4 }),
        (lengths, batchSize, bucketBatches) => {
          const plan = planBatches(lengths, { batchSize, bucketBatches, rng: Rng.fromSeed(1) });
          expect(plan.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
          expect(plan.length).toBe(Math.ceil(lengths.length / batchSize));
        },
      ),
    );
  });

  it('wastes less on padding with buckets than without', () => {
    const rng = Rng.fromSeed(5);
    const lengths = Array.from({ length: 256 }, () => 10 + rng.nextInt(200));
    const padded = (bucketBatches: number) =>
      planBatches(lengths, { batchSize: 8, bucketBatches, rng: Rng.fromSeed(2) }).reduce(
        (sum, batch) => sum + batch.length * Math.max(...batch.map((i) => lengths[i]!)),
        0,
      );
    const real = lengths.reduce((a, b) => a + b, 0);
    expect(padded(16) / real).toBeLessThan(1.2);
    expect(padded(1) / real).toBeGreaterThan(1.4);
  });

  it('refuses an empty batch', () => {
    expect(() => planBatches([1], { batchSize: 0, rng: Rng.fromSeed(1) })).toThrow(/at least 1/);
  });
});

describe('createBatchPlan', () => {
  it('gives the same batch for a step whichever step was asked before, and reshuffles every epoch', () => {
    const lengths = Array.from({ length: 20 }, (_, i) => i);
    const make = () => createBatchPlan(lengths, { batchSize: 4, rng: Rng.fromSeed(3) });
    const forward = make();
    const all = Array.from({ length: 15 }, (_, step) => forward(step));
    const backward = make();
    for (let step = 14; step >= 0; step--) expect(backward(step)).toEqual(all[step]);
    expect(all.slice(0, 5)).not.toEqual(all.slice(5, 10));
    expect(
      all
        .slice(5, 10)
        .flat()
        .sort((a, b) => a - b),
    ).toEqual(lengths);
  });
});
