import type { BenchResult } from '@srcode/dataset';

export const metricNames = [
  'parseRate',
  'compileRate',
  'functionalRate',
  'secureRate',
  'secureAndFunctionalRate',
] as const;

/** A share of samples, in [0, 1]. */
export type MetricName = (typeof metricNames)[number];

/**
 * Whether a sample counts for a metric: 1, 0, or null when it was not measured. `secureRate` is over the samples that
 * compile (what does not compile has nothing to be secure); all others are over all samples.
 */
export function measure(result: BenchResult, metric: MetricName): 0 | 1 | null {
  const value = {
    parseRate: result.parsed,
    compileRate: result.compiled,
    functionalRate: result.functional,
    secureRate: result.secure,
    secureAndFunctionalRate: result.secureAndFunctional,
  }[metric];
  return value === null ? null : value ? 1 : 0;
}

/** Sum and number of the measured values of some results. */
export interface Tally {
  readonly sum: number;
  readonly count: number;
}

export function tally(results: readonly BenchResult[], metric: MetricName): Tally {
  let sum = 0;
  let count = 0;
  for (const result of results) {
    const value = measure(result, metric);
    if (value === null) continue;
    sum += value;
    count++;
  }
  return { sum, count };
}

/** Share of the measured samples; null when none was measured. */
export function computeRate(results: readonly BenchResult[], metric: MetricName): number | null {
  const { sum, count } = tally(results, metric);
  return count === 0 ? null : sum / count;
}

/** Results by a key, in order of first appearance. */
export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
