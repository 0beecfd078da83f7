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

/**
 * An arm over its seeds, as the report shows it: the run's own summary where `results.json` has one, means of
 * the seeds otherwise. Nothing is computed from samples here.
 */
export interface ArmSummary {
  readonly arm: string;
  readonly seeds: readonly ArmResult[];
  readonly samples: number;
  /** The run's pooled rate, or the mean over the seeds that measured it; null where none did. */
  readonly rates: Readonly<Record<RateKey, number | null>>;
  /** Interval over all seeds, where the run computed one. */
  readonly pooled: Readonly<Record<string, readonly [number, number] | null>>;
  /** Findings per 100 samples, over all seeds; null without samples. */
  readonly findings: Readonly<Record<FindingSeverity, number>> | null;
  /** The same by analyzer, where the run states it. */
  readonly findingsByAnalyzer: Readonly<Record<string, Readonly<Record<FindingSeverity, number>>>>;
  /** True when analyzer rules stood in for compiled drivers in any seed. */
  readonly byRules: boolean;
}

type MeasuredPart = Pick<ArmResult, 'n' | 'findings' | 'findingsByAnalyzer'>;

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

/** Counts per 100 samples, over the parts given; null without samples. */
function per100(parts: readonly { readonly n: number; readonly counts: FindingCounts | undefined }[]) {
  const samples = parts.reduce((sum, { n }) => sum + n, 0);
  if (samples === 0) return null;
  const rate = (severity: FindingSeverity): number =>
    (100 * parts.reduce((sum, { counts }) => sum + (counts?.[severity] ?? 0), 0)) / samples;
  return { critical: rate('critical'), high: rate('high'), medium: rate('medium'), low: rate('low') };
}

function findingsOfAnalyzers(parts: readonly MeasuredPart[]): ArmSummary['findingsByAnalyzer'] {
  const names = new Set(parts.flatMap(({ findingsByAnalyzer }) => Object.keys(findingsByAnalyzer ?? {})));
  const entries = [...names].sort().flatMap((name) => {
    const counts = per100(
      parts.map(({ n, findingsByAnalyzer }) => ({ n, counts: findingsByAnalyzer?.[name] })),
    );
    return counts ? [[name, counts] as const] : [];
  });
  return Object.fromEntries(entries);
}

/** One summary per arm, in the order of the tables. */
export function summariseArms(results: RunResults): ArmSummary[] {
  return orderArms(results.arms.map(({ arm }) => arm)).map((arm) => {
    const seeds = results.arms.filter((result) => result.arm === arm).sort((a, b) => a.seed - b.seed);
    const own = results.summary?.find((summary) => summary.arm === arm);
    const rates = Object.fromEntries(
      rateKeys.map((key) => [
        key,
        own ? own[key] : mean(seeds.map((seed) => seed[key]).filter((rate) => rate !== null)),
      ]),
    ) as Record<RateKey, number | null>;
    const parts: readonly MeasuredPart[] = own ? [own] : seeds;
    return {
      arm,
      seeds,
      samples: parts.reduce((sum, { n }) => sum + n, 0),
      rates,
      pooled: own?.intervals ?? {},
      findings: per100(parts.map(({ n, findings }) => ({ n, counts: findings }))),
      findingsByAnalyzer: findingsOfAnalyzers(parts),
      byRules: seeds.some(({ oracle }) => oracle === 'rules'),
    };
  });
}

/** High and medium (and critical) findings per 100 samples: what the paper counts. */
export function seriousFindings({ findings }: Pick<ArmSummary, 'findings'>): number | null {
  return findings === null ? null : findings.critical + findings.high + findings.medium;
}
