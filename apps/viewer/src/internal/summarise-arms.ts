import type { ArmResult, FindingCounts, RunResults } from '../schemas.js';
import { orderArms } from './arms.js';

export const rateKeys = [
  'parseRate',
  'compileRate',
  'functionalRate',
  'secureRate',
  'secureAndFunctionalRate',
] as const;
export type RateKey = (typeof rateKeys)[number];

export const rateLabels: Readonly<Record<RateKey, string>> = {
  parseRate: 'Parses',
  compileRate: 'Compiles',
  functionalRate: 'Functional',
  secureRate: 'Secure',
  secureAndFunctionalRate: 'Secure and functional',
};

export const severities = ['critical', 'high', 'medium', 'low'] as const;
export type FindingSeverity = (typeof severities)[number];

/** An arm over its seeds, as the report shows it: means of what `results.json` holds, nothing more. */
export interface ArmSummary {
  readonly arm: string;
  readonly seeds: readonly ArmResult[];
  readonly samples: number;
  /** Mean over the seeds that measured it; null where none did. */
  readonly rates: Readonly<Record<RateKey, number | null>>;
  /** Interval over all seeds, where the run computed one. */
  readonly pooled: Readonly<Record<string, readonly [number, number] | null>>;
  /** Findings per 100 samples, over all seeds; null without samples. */
  readonly findings: Readonly<Record<FindingSeverity, number>> | null;
}

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

function findingsPer100(seeds: readonly ArmResult[], samples: number): ArmSummary['findings'] {
  if (samples === 0) return null;
  const per100 = (severity: FindingSeverity): number =>
    (100 * seeds.reduce((sum, seed) => sum + ((seed.findings as FindingCounts)[severity] ?? 0), 0)) / samples;
  return { critical: per100('critical'), high: per100('high'), medium: per100('medium'), low: per100('low') };
}

/** One summary per arm, in the order of the tables. */
export function summariseArms(results: RunResults): ArmSummary[] {
  return orderArms(results.arms.map(({ arm }) => arm)).map((arm) => {
    const seeds = results.arms.filter((result) => result.arm === arm).sort((a, b) => a.seed - b.seed);
    const samples = seeds.reduce((sum, seed) => sum + seed.n, 0);
    const rates = Object.fromEntries(
      rateKeys.map((key) => [key, mean(seeds.map((seed) => seed[key]).filter((rate) => rate !== null))]),
    ) as Record<RateKey, number | null>;
    return {
      arm,
      seeds,
      samples,
      rates,
      pooled: results.summary?.find((summary) => summary.arm === arm)?.intervals ?? {},
      findings: findingsPer100(seeds, samples),
    };
  });
}

/** High and medium (and critical) findings per 100 samples: what the paper counts. */
export function seriousFindings(summary: ArmSummary): number | null {
  const { findings } = summary;
  return findings === null ? null : findings.critical + findings.high + findings.medium;
}
