import { createFinding } from '@srcode/analyzers/testing';
import { Rng } from '@srcode/core';
import type { BenchResult } from '@srcode/dataset';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BenchmarkInputError } from '../errors.js';
import { armComparisonSchema, armEntrySchema } from '../schemas.js';
import { createResult } from '../testing/index.js';
import { bootstrapInterval, quantile, signFlipTest } from './bootstrap.js';
import { compareArms } from './compare-arms.js';
import { meanPassAtK, passAtK } from './pass-at-k.js';
import { computeRate } from './rates.js';
import { summarizeArm, summarizeSeeds } from './summarize-arm.js';

const rng = () => Rng.fromSeed(1);

/** `families` × `tasks` results of an arm; each passes with the family's own chance. */
function simulate(
  arm: string,
  seed: number,
  families: number,
  tasks: number,
  chance: (family: number) => number,
): BenchResult[] {
  const draws = Rng.fromSeed(seed).fork(arm);
  return Array.from({ length: families * tasks }, (_, index) => {
    const family = index % families;
    const pass = draws.nextFloat() < chance(family);
    return createResult({
      arm,
      seed,
      taskId: `t${index}`,
      family: `f${family}`,
      functional: true,
      secure: pass,
      secureAndFunctional: pass,
      findings: pass ? [] : [createFinding({ severity: 'high' }), createFinding({ severity: 'info' })],
    });
  });
}

function choose(n: number, k: number): number {
  let value = 1;
  for (let i = 0; i < k; i++) value = (value * (n - i)) / (i + 1);
  return value;
}

describe('pass@k', () => {
  it('is one minus the chance that all k of the samples fail', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.nat(), fc.nat(), (n, a, b) => {
        const c = a % (n + 1);
        const k = 1 + (b % n);
        expect(passAtK(n, c, k)).toBeCloseTo(1 - choose(n - c, k) / choose(n, k), 10);
      }),
    );
    expect(passAtK(10, 3, 1)).toBeCloseTo(0.3, 12);
    expect(passAtK(4, 0, 4)).toBe(0);
  });

  it('is unbiased: its mean over all subsets is the chance that a subset has a pass', () => {
    // 5 samples, 2 pass: of the 10 pairs, 3 have none.
    expect(passAtK(5, 2, 2)).toBeCloseTo(0.7, 12);
  });

  it('refuses what makes no sense', () => {
    for (const [n, c, k] of [
      [1, 2, 1],
      [3, 1, 4],
      [3, 1, 0],
      [3, -1, 1],
      [2.5, 1, 1],
    ] as const)
      expect(() => passAtK(n, c, k)).toThrow(BenchmarkInputError);
  });

  it('is averaged over tasks, and missing where a task has too few samples', () => {
    const results = [true, false].flatMap((functional) =>
      ['a', 'b'].map((taskId, i) => createResult({ taskId, functional: functional && i === 0 })),
    );
    expect(meanPassAtK(results, 'functionalRate', 1)).toBeCloseTo(0.25, 12);
    expect(meanPassAtK(results, 'functionalRate', 2)).toBeCloseTo(0.5, 12);
    expect(meanPassAtK(results, 'functionalRate', 3)).toBeNull();
  });
});

describe('rates', () => {
  it('count what was measured: secureRate is over what compiles, the rest over all', () => {
    const results = [
      createResult({ taskId: 'a' }),
      createResult({ taskId: 'b', secure: false, secureAndFunctional: false }),
      createResult({
        taskId: 'c',
        compiled: false,
        functional: false,
        secure: null,
        secureAndFunctional: false,
      }),
    ];
    expect(computeRate(results, 'secureRate')).toBeCloseTo(1 / 2);
    expect(computeRate(results, 'secureAndFunctionalRate')).toBeCloseTo(1 / 3);
    expect(computeRate([createResult({ functional: null })], 'functionalRate')).toBeNull();
  });
});

describe('intervals', () => {
  it('repeat for the same seed, hold the rate, and are missing for a single family', () => {
    const results = simulate('base', 1, 12, 10, () => 0.4);
    const first = summarizeArm(results, { rng: rng() });
    expect(summarizeArm(results, { rng: rng() })).toEqual(first);
    const [low, high] = first.intervals.secureAndFunctionalRate!;
    expect(low).toBeLessThan(first.secureAndFunctionalRate!);
    expect(high).toBeGreaterThan(first.secureAndFunctionalRate!);
    expect(armEntrySchema.parse(first)).toEqual(first);
    const single = summarizeArm(
      simulate('base', 1, 1, 10, () => 0.4),
      { rng: rng() },
    );
    expect(single.intervals.secureAndFunctionalRate).toBeNull();
  });

  it('are wider when the samples of a family agree than when they do not', () => {
    const width = (chance: (family: number) => number): number => {
      const [low, high] = summarizeArm(simulate('base', 3, 20, 20, chance), { rng: rng() }).intervals
        .secureRate!;
      return high - low;
    };
    expect(width((family) => family % 2)).toBeGreaterThan(2 * width(() => 0.5));
  });

  it('cover the true rate about as often as they say', () => {
    let covered = 0;
    for (let trial = 0; trial < 100; trial++) {
      const draws = Rng.fromSeed(trial);
      const clusters = Array.from({ length: 30 }, () => draws.nextFloat());
      const mean = (drawn: readonly number[]) => drawn.reduce((sum, value) => sum + value, 0) / drawn.length;
      const [low, high] = bootstrapInterval(clusters, mean, { rng: draws.fork('boot'), iterations: 400 })!;
      if (low <= 0.5 && 0.5 <= high) covered++;
    }
    expect(covered).toBeGreaterThan(85);
  });

  it('use quantiles between neighbours', () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(quantile([7], 0.9)).toBe(7);
  });
});

describe('a summary', () => {
  it('counts findings by severity and analyzer, information left out', () => {
    const entry = summarizeArm(
      simulate('base', 1, 4, 5, (family) => (family === 0 ? 0 : 1)),
      { rng: rng() },
    );
    expect(entry.findings).toEqual({ critical: 0, high: 5, medium: 0, low: 0 });
    expect(entry.findingsByAnalyzer).toEqual({ fake: { critical: 0, high: 5, medium: 0, low: 0 } });
    expect(entry.n).toBe(20);
  });

  it('pools seeds, and refuses to mix arms or, for one entry, seeds', () => {
    const one = simulate('base', 1, 4, 5, () => 0.5);
    const two = simulate('base', 2, 4, 5, () => 0.5);
    expect(summarizeSeeds([...one, ...two], { rng: rng() })).toMatchObject({ seeds: [1, 2], n: 40 });
    expect(() => summarizeArm([...one, ...two], { rng: rng() })).toThrow(BenchmarkInputError);
    expect(() => summarizeSeeds([...one, createResult({ arm: 'sft' })], { rng: rng() })).toThrow('one arm');
    expect(() => summarizeArm([], { rng: rng() })).toThrow('none');
  });
});

describe('a comparison of arms', () => {
  it('sees a difference that is there, with the right sign', () => {
    const base = simulate('base', 1, 16, 10, () => 0.3);
    const better = simulate('token', 1, 16, 10, () => 0.7);
    const comparisons = compareArms(better, base, { rng: rng() });
    for (const comparison of comparisons) armComparisonSchema.parse(comparison);
    const rate = comparisons.find(({ metric }) => metric === 'secureAndFunctionalRate')!;
    expect(rate).toMatchObject({ arm: 'token', against: 'base', tasks: 160, families: 16 });
    expect(rate.difference).toBeGreaterThan(0.25);
    expect(rate.interval![0]).toBeGreaterThan(0);
    expect(rate.pValue).toBeLessThan(0.01);
    const findings = comparisons.find(({ metric }) => metric === 'highAndMediumPerSample')!;
    expect(findings.difference).toBeLessThan(0);
  });

  it('sees none between an arm and itself', () => {
    const base = simulate('base', 1, 16, 10, () => 0.3);
    for (const { difference, pValue } of compareArms(base, base, { rng: rng() })) {
      expect(difference).toBe(0);
      expect(pValue).toBe(1);
    }
  });

  it('pairs by task: what only one arm answered, or measured, is left out', () => {
    const base = [createResult({ taskId: 'a', secure: null }), createResult({ taskId: 'b', secure: false })];
    const other = [createResult({ arm: 'x', taskId: 'b' }), createResult({ arm: 'x', taskId: 'c' })];
    const secure = compareArms(other, base, { rng: rng() }).find(({ metric }) => metric === 'secureRate')!;
    expect(secure).toMatchObject({ difference: 1, tasks: 1 });
    expect(() => compareArms([], base, { rng: rng() })).toThrow(BenchmarkInputError);
  });

  it('gives exact p-values for few families and is seldom wrong when there is no effect', () => {
    expect(signFlipTest([1, 1, 1], { rng: rng() })).toBe(2 / 8);
    expect(signFlipTest([0, 0], { rng: rng() })).toBe(1);
    expect(signFlipTest([], { rng: rng() })).toBeNull();
    let rejected = 0;
    for (let trial = 0; trial < 200; trial++) {
      const draws = Rng.fromSeed(trial);
      const differences = Array.from({ length: 14 }, () => draws.nextNormal());
      if (signFlipTest(differences, { rng: draws.fork('flip'), iterations: 400 })! < 0.05) rejected++;
    }
    expect(rejected).toBeLessThan(24);
  });
});
