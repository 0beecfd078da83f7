import { InputError } from '@srcode/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { computeGae } from './compute-gae.js';

const f32 = (...values: number[]) => Float32Array.from(values);
const vector = fc
  .array(fc.float({ min: -2, max: 2, noNaN: true }), { minLength: 1, maxLength: 12 })
  .map((values) => Float32Array.from(values));

/** Σ_l (γλ)^l δ_{t+l}, written out as the paper defines it. */
function naiveAdvantage(r: Float32Array, v: Float32Array, gamma: number, lambda: number, t: number): number {
  let sum = 0;
  for (let l = 0; t + l < r.length; l++) {
    const delta = r[t + l]! + gamma * (v[t + l + 1] ?? 0) - v[t + l]!;
    sum += (gamma * lambda) ** l * delta;
  }
  return sum;
}

describe('computeGae', () => {
  it('matches a hand-computed row', () => {
    // δ = [1 + .5·2 − 1, 0 + .5·3 − 2, 2 − 3] = [1, −.5, −1]; γλ = .25
    const { advantages, returns } = computeGae(f32(1, 0, 2), f32(1, 2, 3), 0.5, 0.5);
    expect([...advantages]).toEqual([1 + 0.25 * (-0.5 + 0.25 * -1), -0.5 + 0.25 * -1, -1]);
    expect([...returns]).toEqual([advantages[0]! + 1, advantages[1]! + 2, advantages[2]! + 3]);
  });

  it('equals the sum over TD errors for any row', () => {
    fc.assert(
      fc.property(
        vector,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (r, gamma, lambda) => {
          const v = r.map((x, i) => Math.fround(Math.sin(3 * x + i)));
          const { advantages } = computeGae(r, v, gamma, lambda);
          for (let t = 0; t < r.length; t++)
            expect(advantages[t]).toBeCloseTo(naiveAdvantage(r, v, gamma, lambda, t), 4);
        },
      ),
    );
  });

  it('is the token reward itself for gamma = lambda = 0 without a critic', () => {
    fc.assert(
      fc.property(vector, (r) => {
        const { advantages } = computeGae(r, new Float32Array(r.length), 0, 0);
        for (let t = 0; t < r.length; t++) expect(advantages[t]! - r[t]!).toBe(0);
      }),
    );
  });

  it('is the reward to come for gamma = lambda = 1 without a critic', () => {
    const { advantages } = computeGae(f32(0, 0, 1, 0), new Float32Array(4), 1, 1);
    expect([...advantages]).toEqual([1, 1, 1, 0]);
  });

  it('refuses rows of different length and factors outside [0, 1]', () => {
    expect(() => computeGae(f32(1), f32(1, 2), 1, 1)).toThrow(InputError);
    expect(() => computeGae(f32(1), f32(1), 1.1, 1)).toThrow(/gamma in \[0, 1\], got 1.1/);
    expect(() => computeGae(f32(1), f32(1), 1, Number.NaN)).toThrow(/lambda/);
  });
});
