import type { Rng } from '@srcode/core';
import type { BenchResult, Severity } from '@srcode/dataset';
import { BenchmarkInputError } from '../errors.js';
import type { ArmEntry, ArmSummary, FindingCounts } from '../schemas.js';
import { bootstrapInterval } from './bootstrap.js';
import { meanPassAtK } from './pass-at-k.js';
import { computeRate, groupBy, metricNames, tally } from './rates.js';

export interface SummarizeOptions {
  readonly rng: Rng;
  /** Bootstrap draws. Default 2,000. */
  readonly iterations?: number;
  /** k of pass@k and func-sec@k; those beyond the samples per task are left out. Default 1, 5, 10. */
  readonly passAt?: readonly number[];
}

const countedSeverities = ['critical', 'high', 'medium', 'low'] as const satisfies readonly Severity[];

/** Findings by severity over all samples; `info` is not counted. */
export function countFindings(results: readonly BenchResult[]): FindingCounts {
  const counts = { critical: 0, high: 0, medium: 0, low: 0 };
  for (const { findings } of results)
    for (const { severity } of findings) if (severity !== 'info') counts[severity]++;
  return counts;
}

function countByAnalyzer(results: readonly BenchResult[]): Record<string, FindingCounts> {
  const counts: Record<string, { -readonly [K in keyof FindingCounts]: number }> = {};
  for (const { findings } of results)
    for (const { analyzer, severity } of findings) {
      if (severity === 'info') continue;
      counts[analyzer] ??= { critical: 0, high: 0, medium: 0, low: 0 };
      counts[analyzer][severity]++;
    }
  return counts;
}

/** Bootstrap intervals of the rates and of the findings per sample, clustered by family. */
function computeIntervals(
  results: readonly BenchResult[],
  options: SummarizeOptions,
): Record<string, [number, number] | null> {
  const families = [...groupBy(results, ({ family }) => family).values()];
  const intervals: Record<string, [number, number] | null> = {};
  const bootstrap = options.iterations === undefined ? {} : { iterations: options.iterations };
  for (const metric of metricNames) {
    const tallies = families.map((members) => tally(members, metric));
    intervals[metric] = bootstrapInterval(
      tallies,
      (drawn) => {
        let sum = 0;
        let count = 0;
        for (const part of drawn) {
          sum += part.sum;
          count += part.count;
        }
        return count === 0 ? null : sum / count;
      },
      { rng: options.rng.fork('interval', metric), ...bootstrap },
    );
  }
  const counts = families.map((members) => ({ ...countFindings(members), samples: members.length }));
  for (const severity of countedSeverities)
    intervals[`${severity}PerSample`] = bootstrapInterval(
      counts,
      (drawn) => {
        let sum = 0;
        let samples = 0;
        for (const part of drawn) {
          sum += part[severity];
          samples += part.samples;
        }
        return sum / samples;
      },
      { rng: options.rng.fork('interval', severity), ...bootstrap },
    );
  return intervals;
}

function computePassAt(results: readonly BenchResult[], ks: readonly number[]) {
  const table: Record<string, { functional: number | null; secureAndFunctional: number | null }> = {};
  for (const k of ks) {
    const functional = meanPassAtK(results, 'functionalRate', k);
    const secureAndFunctional = meanPassAtK(results, 'secureAndFunctionalRate', k);
    if (functional !== null || secureAndFunctional !== null)
      table[String(k)] = { functional, secureAndFunctional };
  }
  return table;
}

function summarize(results: readonly BenchResult[], options: SummarizeOptions): Omit<ArmSummary, 'seeds'> {
  const first = results[0];
  if (!first || results.some(({ arm }) => arm !== first.arm))
    throw new BenchmarkInputError({
      code: 'BENCH_MIXED_ARMS',
      message: first
        ? `Expected results of one arm, got ${[...new Set(results.map(({ arm }) => arm))].join(', ')}.`
        : 'Expected results of one arm, got none.',
    });
  return {
    arm: first.arm,
    n: results.length,
    parseRate: computeRate(results, 'parseRate'),
    compileRate: computeRate(results, 'compileRate'),
    functionalRate: computeRate(results, 'functionalRate'),
    secureRate: computeRate(results, 'secureRate'),
    secureAndFunctionalRate: computeRate(results, 'secureAndFunctionalRate'),
    findings: countFindings(results),
    findingsByAnalyzer: countByAnalyzer(results),
    passAt: computePassAt(results, options.passAt ?? [1, 5, 10]),
    oracle: results.every(({ oracle }) => oracle === 'compiled') ? 'compiled' : 'rules',
    intervals: computeIntervals(results, options),
  };
}

/**
 * The entry of one arm and seed in `results.json`: rates in [0, 1] (null: not measured), findings over all samples by
 * severity, pass@k, and 95 % intervals by bootstrap over families. Throws `BenchmarkInputError` for no results or
 * results of several arms or seeds.
 */
export function summarizeArm(results: readonly BenchResult[], options: SummarizeOptions): ArmEntry {
  const seeds = [...new Set(results.map(({ seed }) => seed))];
  if (seeds.length > 1)
    throw new BenchmarkInputError({
      code: 'BENCH_MIXED_SEEDS',
      message: `Expected results of one seed, got seeds ${seeds.join(', ')}. Use summarizeSeeds to pool them.`,
    });
  return { ...summarize(results, options), seed: seeds[0] ?? 0 };
}

/** An arm over all its seeds, samples pooled; families stay the clusters, so that a family's seeds move together. */
export function summarizeSeeds(results: readonly BenchResult[], options: SummarizeOptions): ArmSummary {
  const seeds = [...new Set(results.map(({ seed }) => seed))].sort((a, b) => a - b);
  return { ...summarize(results, options), seeds };
}
