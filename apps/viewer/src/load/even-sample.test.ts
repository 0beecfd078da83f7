import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EvenSample } from './even-sample.js';

describe('EvenSample', () => {
  it('keeps the first and last item, in order, within the limit, with even gaps', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 2, max: 50 }), (total, limit) => {
        const sample = new EvenSample<number>(limit);
        for (let i = 0; i < total; i++) sample.add(i);
        const items = sample.items();
        expect(sample.total).toBe(total);
        expect(items.length).toBeLessThanOrEqual(limit);
        expect(items.length).toBeGreaterThanOrEqual(Math.min(total, Math.floor(limit / 2)));
        expect(items[0]).toBe(0);
        expect(items.at(-1)).toBe(total - 1);
        const gaps = items.slice(1, -1).map((item, i) => item - items[i]!);
        expect(new Set(gaps).size).toBeLessThanOrEqual(1);
      }),
    );
  });
});
