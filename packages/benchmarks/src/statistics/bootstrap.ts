import type { Rng } from '@srcode/core';

export interface BootstrapOptions {
  readonly rng: Rng;
  /** Default 2,000. */
  readonly iterations?: number;
  /** Default 0.95. */
  readonly level?: number;
}

/** Value at share q of sorted values, linear between neighbours (Hyndman & Fan type 7). */
export function quantile(sorted: readonly number[], q: number): number {
  const position = (sorted.length - 1) * q;
  const low = Math.floor(position);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (position - low);
}

/**
 * Percentile bootstrap interval [low, high] of a statistic of clusters, which are drawn with replacement as wholes:
 * samples of one family are not independent. Null for fewer than two clusters (nothing to draw from) or when the
 * statistic is null in more than half of the draws.
 */
export function bootstrapInterval<T>(
  clusters: readonly T[],
  statistic: (drawn: readonly T[]) => number | null,
  options: BootstrapOptions,
): [number, number] | null {
  if (clusters.length < 2) return null;
  const { rng, iterations = 2000, level = 0.95 } = options;
  const values: number[] = [];
  for (let i = 0; i < iterations; i++) {
    const drawn = clusters.map(() => rng.pick(clusters));
    const value = statistic(drawn);
    if (value !== null) values.push(value);
  }
  if (values.length < iterations / 2) return null;
  values.sort((a, b) => a - b);
  return [quantile(values, (1 - level) / 2), quantile(values, (1 + level) / 2)];
}

/**
 * Two-sided p-value of the hypothesis that the clusters' differences are symmetric around 0, by flipping their signs:
 * all 2^n patterns up to n = 12, else `iterations` random ones, (hits + 1) / (draws + 1). Null without clusters.
 */
export function signFlipTest(
  differences: readonly number[],
  options: { readonly rng: Rng; readonly iterations?: number },
): number | null {
  const n = differences.length;
  if (n === 0) return null;
  const observed = Math.abs(differences.reduce((sum, value) => sum + value, 0));
  // Sums of the same numbers in another order differ in the last bits.
  const reaches = (sum: number): boolean => Math.abs(sum) >= observed - 1e-12;
  if (n <= 12) {
    let hits = 0;
    for (let pattern = 0; pattern < 2 ** n; pattern++) {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += pattern & (1 << i) ? -differences[i]! : differences[i]!;
      if (reaches(sum)) hits++;
    }
    return hits / 2 ** n;
  }
  const iterations = options.iterations ?? 10_000;
  let hits = 0;
  for (let i = 0; i < iterations; i++) {
    let sum = 0;
    for (const value of differences) sum += options.rng.nextUint32() & 1 ? -value : value;
    if (reaches(sum)) hits++;
  }
  return (hits + 1) / (iterations + 1);
}
