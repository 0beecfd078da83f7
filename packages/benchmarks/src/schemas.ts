import { manifestSchema } from '@srcode/core';
import { z } from 'zod';

const rateSchema = z.number().min(0).max(1).nullable();
const intervalsSchema = z.record(z.string(), z.tuple([z.number(), z.number()]).nullable());
const countSchema = z.number().int().nonnegative();

/** Findings over all samples, by severity. */
export const findingCountsSchema = z.object({
  critical: countSchema,
  high: countSchema,
  medium: countSchema,
  low: countSchema,
});
export type FindingCounts = z.infer<typeof findingCountsSchema>;

const summaryShape = {
  arm: z.string().min(1),
  /** Samples. */
  n: countSchema,
  parseRate: rateSchema,
  compileRate: rateSchema,
  functionalRate: rateSchema,
  /** Of the samples that compile. */
  secureRate: rateSchema,
  /** Of all samples. */
  secureAndFunctionalRate: rateSchema,
  findings: findingCountsSchema,
  findingsByAnalyzer: z.record(z.string(), findingCountsSchema),
  /** k → pass@k and func-sec@k, means over tasks. */
  passAt: z.record(z.string(), z.object({ functional: rateSchema, secureAndFunctional: rateSchema })),
  oracle: z.enum(['compiled', 'rules']),
  /** Metric → 95 % bootstrap interval over families; null with fewer than two families. */
  intervals: intervalsSchema,
} as const;

/** One arm and seed in `results.json`. */
export const armEntrySchema = z.object({ ...summaryShape, seed: z.number().int() });
export type ArmEntry = z.infer<typeof armEntrySchema>;

/** One arm over all its seeds. */
export const armSummarySchema = z.object({ ...summaryShape, seeds: z.array(z.number().int()) });
export type ArmSummary = z.infer<typeof armSummarySchema>;

/** Paired difference `arm − against` of a metric. */
export const armComparisonSchema = z.object({
  metric: z.string(),
  arm: z.string(),
  against: z.string(),
  difference: z.number(),
  interval: z.tuple([z.number(), z.number()]).nullable(),
  /** Two-sided, sign-flip test over families. */
  pValue: z.number().min(0).max(1).nullable(),
  tasks: countSchema,
  families: countSchema,
});
export type ArmComparison = z.infer<typeof armComparisonSchema>;

/** `results.json` of a run. */
export const benchmarkResultsSchema = z.looseObject({
  preset: z.string(),
  /** Name of the tensor backend, or what the caller tells of it. */
  backend: z.union([z.string(), z.looseObject({})]),
  /** Who answered as teacher; a replayed one says so. */
  teacher: z.union([z.string(), z.looseObject({})]).nullable(),
  arms: z.array(armEntrySchema),
  /** Arms over all seeds. */
  summary: z.array(armSummarySchema).optional(),
  comparisons: z.array(armComparisonSchema).optional(),
  manifest: manifestSchema.nullish(),
});
export type BenchmarkResults = z.infer<typeof benchmarkResultsSchema>;
