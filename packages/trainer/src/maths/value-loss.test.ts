import { describe, expect, it } from 'vitest';
import { computeValueLoss } from './value-loss.js';

const f32 = (...values: number[]) => Float32Array.from(values);

describe('computeValueLoss', () => {
  it('is half the weighted squared error without a clip', () => {
    const { loss, slopes } = computeValueLoss({
      values: f32(1, 3),
      oldValues: f32(0, 0),
      returns: f32(0, 1),
      weights: f32(0.5, 0.5),
    });
    expect(loss).toBe(0.25 * 1 + 0.25 * 4);
    expect([...slopes]).toEqual([0.5, 1]);
  });

  it('takes the worse of the free and the clipped error, and stops the slope there', () => {
    const { loss, slopes } = computeValueLoss({
      values: f32(1, 0.1),
      oldValues: f32(0, 0),
      returns: f32(1, 1),
      weights: f32(1, 1),
      clip: 0.2,
    });
    expect(loss).toBeCloseTo(0.5 * 0.8 ** 2 + 0.5 * 0.9 ** 2, 6);
    expect(slopes[0]).toBe(0);
    expect(slopes[1]).toBeCloseTo(-0.9, 6);
  });
});
