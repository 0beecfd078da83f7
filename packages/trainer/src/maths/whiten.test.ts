import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { computeGae } from './compute-gae.js';
import { maskedMoments, measureAdvantageLocality, normaliseAdvantages, whiten } from './whiten.js';

const f32 = (...values: number[]) => Float32Array.from(values);

describe('whiten', () => {
  it('gives mean 0 and deviation 1 over the unmasked entries and 0 elsewhere', () => {
    const out = whiten(f32(1, 2, 3, 99), [1, 1, 1, 0]);
    const half = Math.sqrt(3 / 2);
    expect(out[0]).toBeCloseTo(-half, 5);
    expect(out[1]).toBeCloseTo(0, 6);
    expect(out[2]).toBeCloseTo(half, 5);
    expect(out[3]).toBe(0);
  });

  it('turns a constant batch into zeros and survives an empty mask', () => {
    expect([...whiten(f32(4, 4, 4))]).toEqual([0, 0, 0]);
    expect([...whiten(f32(4, 5), [0, 0])]).toEqual([0, 0]);
    expect(maskedMoments(f32(1, 2), [0, 0])).toEqual({ mean: 0, std: 0, count: 0 });
  });
});

const scaleByRms = (values: Float32Array, rewards?: Float32Array) =>
  normaliseAdvantages(values, 'scale', rewards);

describe('normaliseAdvantages by scale', () => {
  it('keeps zeros, signs and ratios', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 30 }), (ints) => {
        const out = scaleByRms(Float32Array.from(ints));
        for (let i = 0; i < ints.length; i++) expect(Math.sign(out[i]!)).toBe(Math.sign(ints[i]!));
        const nonZero = [...out].filter((x) => x !== 0);
        if (nonZero.length > 0) {
          const meanSquare = nonZero.reduce((sum, x) => sum + x * x, 0) / nonZero.length;
          expect(meanSquare).toBeCloseTo(1, 4);
        }
      }),
    );
  });

  it('does not depend on how many unrewarded tokens stand beside the rewarded ones', () => {
    expect(scaleByRms(f32(0.2, -0.4))[0]).toBe(scaleByRms(f32(0.2, -0.4, 0, 0, 0, 0))[0]);
  });

  it('takes its scale from rewarded tokens, whatever small terms lie on the others', () => {
    const scaled = scaleByRms(f32(0.5, 0.001, -0.001, 0.001), f32(0.5, 0, 0, 0));
    expect(scaled[0]).toBeCloseTo(1, 5);
    expect(scaled[1]).toBeCloseTo(0.002, 6);
    expect(scaleByRms(f32(0.5, 0.5), f32(0, 0))[0]).toBeCloseTo(1, 5);
    expect([...scaleByRms(f32(0, 0), f32(1, 0))]).toEqual([0, 0]);
  });
});

describe('measureAdvantageLocality', () => {
  const rewards = f32(0, 0, 0, 1, 0, 0, -1, 0);
  const noCritic = new Float32Array(rewards.length);
  const locality = (gamma: number, lambda: number, how: 'none' | 'scale' | 'whiten') =>
    measureAdvantageLocality(
      normaliseAdvantages(computeGae(rewards, noCritic, gamma, lambda).advantages, how, rewards),
      rewards,
    );

  it('is 1 where each token keeps its own reward', () => {
    expect(locality(0, 0, 'none')).toBe(1);
    expect(locality(0, 0, 'scale')).toBe(1);
    expect(locality(1, 0, 'scale')).toBe(1);
  });

  it('shows the smear of gamma = lambda = 1 and of whitening', () => {
    const oneRewarded = f32(0, 0, 0, 0, 0, 0, 0, 1);
    const { advantages } = computeGae(oneRewarded, noCritic, 1, 1);
    expect(measureAdvantageLocality(advantages, oneRewarded)).toBeCloseTo(1 / 8, 6);
    // Whitening alone moves half of the mass onto tokens that earned nothing.
    const skewed = f32(1, 0, 0, 0);
    expect(measureAdvantageLocality(whiten(skewed), skewed)).toBeCloseTo(0.5, 5);
    expect(locality(1, 1, 'whiten')).toBeLessThan(0.5);
  });

  it('is 0 when there is no advantage', () => {
    expect(measureAdvantageLocality(noCritic, rewards)).toBe(0);
  });
});
