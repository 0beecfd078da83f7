import { manifestSchema } from '@srcode/core';
import { rolloutSchema, tokenRewardsSchema } from '@srcode/dataset';
import { z } from 'zod';

/** A share in [0, 1]; null where it was not measured (for example, no compiler). */
const rateSchema = z.number().min(0).max(1).nullable();
const intervalSchema = z.tuple([z.number(), z.number()]).nullable();
const armNameSchema = z.string().min(1).max(80);
const countSchema = z.number().nonnegative();

/** Numbers of findings over the arm's samples. */
export const findingCountsSchema = z.object({
  critical: countSchema.optional(),
  high: countSchema,
  medium: countSchema,
  low: countSchema,
});
export type FindingCounts = z.infer<typeof findingCountsSchema>;

const measuredShape = {
  arm: armNameSchema,
  /** Samples measured. */
  n: z.number().int().nonnegative(),
  parseRate: rateSchema,
  compileRate: rateSchema,
  functionalRate: rateSchema,
  secureRate: rateSchema,
  secureAndFunctionalRate: rateSchema,
  findings: findingCountsSchema,
  findingsByAnalyzer: z.record(z.string(), findingCountsSchema).optional(),
  /** `compiled` drivers decided what is secure, or analyzer `rules` stood in for them. */
  oracle: z.enum(['compiled', 'rules']).optional(),
  /** Metric name (`secureAndFunctionalRate`, …) → bootstrap interval [low, high]. */
  intervals: z.record(z.string(), intervalSchema).default({}),
} as const;

/** What one arm with one seed came to. */
export const armResultSchema = z.looseObject({ ...measuredShape, seed: z.number().int() });
export type ArmResult = z.infer<typeof armResultSchema>;

/** An arm over all its seeds, where the run computed it (the viewer computes no intervals). */
export const armSummarySchema = z.looseObject(measuredShape);

/** Difference `arm − against` of a metric with its interval, where the run computed it. */
export const comparisonSchema = z.looseObject({
  metric: z.string(),
  arm: armNameSchema,
  against: armNameSchema,
  difference: z.number(),
  interval: intervalSchema,
});
export type Comparison = z.infer<typeof comparisonSchema>;

const describedSchema = z.union([z.string(), z.looseObject({})]);

/** `results.json` of a run. */
export const runResultsSchema = z.looseObject({
  preset: z.string(),
  backend: describedSchema,
  teacher: describedSchema.nullable(),
  arms: z.array(armResultSchema),
  summary: z.array(armSummarySchema).optional(),
  comparisons: z.array(comparisonSchema).optional(),
  manifest: manifestSchema.nullish(),
});
export type RunResults = z.infer<typeof runResultsSchema>;

/** A line of `metrics/<arm>-seed<k>.jsonl`. */
export const metricsLineSchema = z.object({
  step: z.number(),
  stage: z.string().max(80),
  metrics: z.record(z.string(), z.number().nullable()),
});

/** A line of `rollouts/<arm>-seed<k>.jsonl`. */
export const rolloutLineSchema = z.object({
  step: z.number(),
  rollout: rolloutSchema,
  rewards: tokenRewardsSchema,
  pairId: z.string(),
});
export type RolloutLine = z.infer<typeof rolloutLineSchema>;
