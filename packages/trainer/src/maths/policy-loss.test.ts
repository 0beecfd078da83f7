import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { useCpuBackend } from '../testing/use-cpu-backend.js';
import { computeCrossEntropy, computeDivergence, computeEntropy, computePolicyLoss } from './policy-loss.js';

useCpuBackend();

const log = Math.log;

/** Value and slopes of a scalar function of one tensor. */
function evaluate(
  f: (x: tf.Tensor1D) => tf.Scalar,
  at: readonly number[],
): { value: number; slopes: Float32Array } {
  const { value, grad } = tf.valueAndGrad((x) => f(x as tf.Tensor1D))(tf.tensor1d([...at]));
  return { value: value.dataSync()[0]!, slopes: grad.dataSync() as Float32Array };
}

/** Loss and its derivative with respect to log π, token by token, from the definition. */
function naive(ratio: number, a: number, low: number, high: number): { loss: number; slope: number } {
  const bounded = Math.min(Math.max(ratio, 1 - low), 1 + high);
  const free = ratio * a;
  const held = bounded * a;
  return held < free ? { loss: -held, slope: 0 } : { loss: -free, slope: -free };
}

const policy =
  (advantages: number[], low: number, high: number, direct?: number[], weights?: number[]) =>
  (x: tf.Tensor1D) =>
    computePolicyLoss(x, {
      oldLogProbs: tf.zeros([advantages.length]) as tf.Tensor1D,
      advantages: tf.tensor1d(advantages),
      directAdvantages: direct === undefined ? undefined : tf.tensor1d(direct),
      weights: tf.tensor1d(weights ?? advantages.map(() => 1)),
      clipLow: low,
      clipHigh: high,
    });

describe('computePolicyLoss', () => {
  it('matches hand-computed tokens, slopes included, with an asymmetric range', () => {
    const ratios = [1, 1.5, 1.5, 0.5, 0.5, 1.2];
    const { value, slopes } = evaluate(policy([2, 1, -1, 1, -1, 1], 0.2, 0.28), ratios.map(log));
    expect(value).toBeCloseTo(-2 - 1.28 + 1.5 - 0.5 + 0.8 - 1.2, 5);
    const expected = [-2, 0, 1.5, -0.5, 0, -1.2];
    for (let i = 0; i < 6; i++) expect(slopes[i]).toBeCloseTo(expected[i]!, 5);
  });

  it('equals the definition for any ratio, advantage and range', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.05, max: 4, noNaN: true }),
        fc.double({ min: -3, max: 3, noNaN: true }),
        fc.double({ min: 0.05, max: 0.5, noNaN: true }),
        fc.double({ min: 0.05, max: 2, noNaN: true }),
        (ratio, a, low, high) => {
          // Stay off the kinks, where float32 and float64 may fall on different sides.
          fc.pre(Math.abs(ratio - (1 - low)) > 1e-3 && Math.abs(ratio - (1 + high)) > 1e-3);
          fc.pre(Math.abs(a) > 1e-3);
          const want = naive(ratio, a, low, high);
          const got = evaluate(policy([a], low, high), [log(ratio)]);
          expect(got.value).toBeCloseTo(want.loss, 3);
          expect(got.slopes[0]).toBeCloseTo(want.slope, 3);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('keeps the slope of a direct advantage where the clip has closed', () => {
    const { value, slopes } = evaluate(policy([0.5], 0.2, 0.2, [0.7], [0.5]), [log(3)]);
    expect(value).toBeCloseTo(0.5 * (-1.2 * 0.5 - 0.7 * log(3)), 5);
    expect(slopes[0]).toBeCloseTo(0.5 * -0.7, 6);
  });

  it('stays finite when a token has become impossible or certain', () => {
    const { value, slopes } = evaluate(
      (x) =>
        computePolicyLoss(x, {
          oldLogProbs: tf.tensor1d([-1000, 0]),
          advantages: tf.tensor1d([-1, -1]),
          weights: tf.tensor1d([1, 1]),
          clipLow: 0.2,
          clipHigh: 0.2,
        }),
      [0, -1000],
    );
    expect(Number.isFinite(value)).toBe(true);
    for (const slope of slopes) expect(Number.isFinite(slope)).toBe(true);
  });
});

describe('computeDivergence', () => {
  it('is 0 with slope 0 at equality and pulls back from either side', () => {
    const { value, slopes } = evaluate(
      (x) => computeDivergence(x, tf.tensor1d([-1, -1, -1]), tf.tensor1d([1, 1, 0.5])),
      [-1, -0.5, -2],
    );
    expect(value).toBeCloseTo(Math.exp(-0.5) - 0.5 + 0.5 * (Math.E - 2), 5);
    expect(slopes[0]).toBeCloseTo(0, 6);
    expect(slopes[1]).toBeCloseTo(1 - Math.exp(-0.5), 6);
    expect(slopes[2]).toBeCloseTo(0.5 * (1 - Math.E), 5);
  });
});

describe('computeCrossEntropy', () => {
  it('is the weighted sum of negative log-probabilities', () => {
    const { value, slopes } = evaluate((x) => computeCrossEntropy(x, tf.tensor1d([0.25, 0.75])), [-1, -2]);
    expect(value).toBe(0.25 + 1.5);
    expect([...slopes]).toEqual([-0.25, -0.75]);
  });
});

describe('computeEntropy', () => {
  const entropy = (rows: number[][], weights: number[]) =>
    computeEntropy(tf.tensor2d(rows), tf.tensor1d(weights)).dataSync()[0]!;

  it('is log V for a flat distribution and 0 for a certain one', () => {
    expect(entropy([[1, 1, 1, 1]], [1])).toBeCloseTo(log(4), 6);
    expect(entropy([[90, 0, 0, 0]], [1])).toBeCloseTo(0, 6);
    expect(
      entropy(
        [
          [0, 0],
          [0, 0],
        ],
        [0.25, 0.5],
      ),
    ).toBeCloseTo(0.75 * log(2), 6);
  });

  it('has the slope that finite differences show', () => {
    const at = [0.3, -0.7, 1.1];
    const slopes = tf
      .grad((x) => computeEntropy(x as tf.Tensor2D, tf.tensor1d([2])))(tf.tensor2d([at]))
      .dataSync();
    const h = 1e-2;
    at.forEach((_, i) => {
      const shift = (by: number) => entropy([at.map((x, j) => (i === j ? x + by : x))], [2]);
      expect(slopes[i]).toBeCloseTo((shift(h) - shift(-h)) / (2 * h), 3);
    });
  });
});
