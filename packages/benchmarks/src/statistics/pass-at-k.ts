import type { BenchResult } from '@srcode/dataset';
import { BenchmarkInputError } from '../errors.js';
import { groupBy, type MetricName, measure } from './rates.js';

/**
 * Chance in [0, 1] that at least one of k samples passes, from n samples of which c passed, unbiased:
 * 1 − C(n−c, k) / C(n, k) = 1 − Π_{i=n−c+1}^{n} (1 − k/i)  (Chen et al. 2021, arXiv 2107.03374).
 * Throws `BenchmarkInputError` unless 0 ≤ c ≤ n and 1 ≤ k ≤ n.
 */
export function passAtK(n: number, c: number, k: number): number {
  if (![n, c, k].every(Number.isSafeInteger) || c < 0 || c > n || k < 1 || k > n)
    throw new BenchmarkInputError({
      code: 'BENCH_PASS_AT_K',
      message: `Expected 0 ≤ passed ≤ samples and 1 ≤ k ≤ samples, got samples ${n}, passed ${c}, k ${k}.`,
    });
  if (n - c < k) return 1;
  let fails = 1;
  for (let i = n - c + 1; i <= n; i++) fails *= 1 - k / i;
  return 1 - fails;
}

/**
 * Mean over tasks of pass@k for a metric (`functionalRate` → pass@k, `secureAndFunctionalRate` → func-sec@k). Samples of
 * a task are pooled over seeds. Null when a task has fewer than k measured samples, or there is no task.
 */
export function meanPassAtK(results: readonly BenchResult[], metric: MetricName, k: number): number | null {
  let sum = 0;
  let tasks = 0;
  for (const samples of groupBy(results, ({ taskId }) => taskId).values()) {
    const values = samples.map((sample) => measure(sample, metric)).filter((value) => value !== null);
    if (values.length < k) return null;
    sum += passAtK(values.length, values.filter((value) => value === 1).length, k);
    tasks++;
  }
  return tasks === 0 ? null : sum / tasks;
}
