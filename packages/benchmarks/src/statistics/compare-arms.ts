import type { Rng } from '@srcode/core';
import type { BenchResult } from '@srcode/dataset';
import { BenchmarkInputError } from '../errors.js';
import type { ArmComparison } from '../schemas.js';
import { bootstrapInterval, signFlipTest } from './bootstrap.js';
import { computeRate, groupBy, type MetricName, metricNames } from './rates.js';
import { countFindings } from './summarize-arm.js';

export interface CompareOptions {
  readonly rng: Rng;
  /** Default 2,000 bootstrap draws. */
  readonly iterations?: number;
}

/** Metrics that are compared: the rates, and high and medium (and critical) findings per sample, as the paper counts. */
export const comparedMetrics = [...metricNames, 'highAndMediumPerSample'] as const;
export type ComparedMetric = (typeof comparedMetrics)[number];

function valueOfMetric(results: readonly BenchResult[], metric: ComparedMetric): number | null {
  if (metric !== 'highAndMediumPerSample') return computeRate(results, metric as MetricName);
  if (results.length === 0) return null;
  const { critical, high, medium } = countFindings(results);
  return (critical + high + medium) / results.length;
}

/** Per task: the difference of its two means, over seeds and samples. */
interface TaskDifference {
  readonly family: string;
  readonly difference: number;
}

function pairTasks(
  results: readonly BenchResult[],
  against: readonly BenchResult[],
  metric: ComparedMetric,
): TaskDifference[] {
  const others = groupBy(against, ({ taskId }) => taskId);
  const differences: TaskDifference[] = [];
  for (const [taskId, samples] of groupBy(results, ({ taskId: id }) => id)) {
    const other = others.get(taskId);
    if (!other) continue;
    const mine = valueOfMetric(samples, metric);
    const theirs = valueOfMetric(other, metric);
    if (mine !== null && theirs !== null)
      differences.push({ family: samples[0]!.family, difference: mine - theirs });
  }
  return differences;
}

function compareMetric(
  results: readonly BenchResult[],
  against: readonly BenchResult[],
  metric: ComparedMetric,
  options: CompareOptions,
): ArmComparison | null {
  const differences = pairTasks(results, against, metric);
  if (differences.length === 0) return null;
  const families = [...groupBy(differences, ({ family }) => family).values()].map((members) => ({
    sum: members.reduce((sum, { difference }) => sum + difference, 0),
    count: members.length,
  }));
  const pool = (drawn: readonly { sum: number; count: number }[]): number => {
    let sum = 0;
    let count = 0;
    for (const part of drawn) {
      sum += part.sum;
      count += part.count;
    }
    return sum / count;
  };
  const rng = options.rng.fork('compare', metric);
  return {
    metric,
    arm: results[0]!.arm,
    against: against[0]!.arm,
    difference: pool(families),
    interval: bootstrapInterval(families, pool, {
      rng: rng.fork('bootstrap'),
      ...(options.iterations === undefined ? {} : { iterations: options.iterations }),
    }),
    pValue: signFlipTest(
      families.map(({ sum }) => sum),
      { rng: rng.fork('sign-flip') },
    ),
    tasks: differences.length,
    families: families.length,
  };
}

/**
 * Paired differences `results − against` per metric: mean over the tasks that both arms measured (samples and seeds of a
 * task averaged first), 95 % bootstrap interval over families, and the two-sided p-value of a sign-flip test over
 * families. Metrics that either arm did not measure are left out. `secureRate` pairs tasks where both arms compile.
 * Throws `BenchmarkInputError` when an arm is empty or mixed.
 */
export function compareArms(
  results: readonly BenchResult[],
  against: readonly BenchResult[],
  options: CompareOptions,
): ArmComparison[] {
  for (const side of [results, against])
    if (new Set(side.map(({ arm }) => arm)).size !== 1)
      throw new BenchmarkInputError({
        code: 'BENCH_MIXED_ARMS',
        message: `Expected results of one arm on each side, got ${[...new Set(side.map(({ arm }) => arm))].join(', ') || 'none'}.`,
      });
  return comparedMetrics
    .map((metric) => compareMetric(results, against, metric, options))
    .filter((comparison) => comparison !== null);
}
