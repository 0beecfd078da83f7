import { describe, expect, it } from 'vitest';
import { learningRateAt } from './learning-rate.js';

describe('learningRateAt', () => {
  it('rises linearly and reaches the peak at the end of the warm-up', () => {
    const schedule = { peak: 1, warmupSteps: 4 };
    expect([0, 1, 2, 3, 4, 9].map((s) => learningRateAt(schedule, s, 10))).toEqual([
      0.25, 0.5, 0.75, 1, 1, 1,
    ]);
  });

  it('falls linearly to its final fraction', () => {
    const schedule = { peak: 2, decay: 'linear', finalFraction: 0.5 } as const;
    expect([0, 5, 10].map((s) => learningRateAt(schedule, s, 11))).toEqual([2, 1.5, 1]);
  });

  it('falls along a half cosine', () => {
    const schedule = { peak: 1, warmupSteps: 1, decay: 'cosine' } as const;
    expect(learningRateAt(schedule, 1, 12)).toBe(1);
    expect(learningRateAt(schedule, 6, 12)).toBeCloseTo(0.5, 12);
    expect(learningRateAt(schedule, 11, 12)).toBeCloseTo(0, 12);
  });

  it('stays defined beyond the end and for runs of one step', () => {
    expect(learningRateAt({ peak: 1, decay: 'cosine' }, 99, 10)).toBeCloseTo(0, 12);
    expect(learningRateAt({ peak: 1, decay: 'linear' }, 0, 1)).toBe(1);
  });

  it('refuses nonsense', () => {
    expect(() => learningRateAt({ peak: -1 }, 0, 1)).toThrow(/learning rate/);
    expect(() => learningRateAt({ peak: 1, finalFraction: 2 }, 0, 1)).toThrow(/final fraction/);
  });
});
