import { z } from 'zod';

/** Severity of a finding. `info` never counts as a vulnerability. */
export const severitySchema = z.enum(['critical', 'high', 'medium', 'low', 'info']);
export type Severity = z.infer<typeof severitySchema>;

export const languageSchema = z.enum(['c', 'cpp']);
export type Language = z.infer<typeof languageSchema>;

export const splitSchema = z.enum(['train', 'validation', 'test']);
export type Split = z.infer<typeof splitSchema>;

const cweSchema = z.string().regex(/^CWE-\d+$/, 'expected a CWE identifier such as CWE-787');

/** One real vulnerable function, with the human fix where it is known. */
export const vulnerableFunctionSchema = z.object({
  id: z.string().min(1),
  project: z.string(),
  commit: z.string().nullable(),
  cve: z.string().nullable(),
  cwe: z.array(cweSchema),
  language: languageSchema,
  functionName: z.string().nullable(),
  vulnerable: z.string().min(1),
  /** The fix that people made. Never shown to the teacher. */
  humanFix: z.string().nullable(),
  /** CVE text or other description of the flaw. */
  description: z.string().nullable(),
  commitMessage: z.string().nullable(),
  file: z.string().nullable(),
  source: z.string(),
  license: z.string().nullable(),
  /** Decimal digits, or null; upstream hashes exceed what a float can hold. */
  upstreamHash: z.string().nullable(),
  /** Records of one group never cross splits: same project + commit, or near-duplicate code. */
  group: z.string(),
  split: splitSchema,
});
export type VulnerableFunction = z.infer<typeof vulnerableFunctionSchema>;

export const diagnosisSchema = z.object({
  cwe: cweSchema,
  rootCause: z.string().min(1),
  /** 1-based lines of the vulnerable function. */
  vulnerableLines: z.array(z.number().int().positive()),
});
export type Diagnosis = z.infer<typeof diagnosisSchema>;

export const reflectionSchema = z.object({
  round: z.number().int().positive(),
  verdict: z.enum(['accept', 'revise', 'reject']),
  /** In [0, 1]. */
  confidence: z.number().min(0).max(1),
  issues: z.array(z.string()),
});
export type Reflection = z.infer<typeof reflectionSchema>;

/** A request for the code that says what it does and never that it should be secure. */
export const implicitPromptSchema = z.object({
  /** E.g. `terse`, `detailed`, `scenario`, `question`. */
  style: z.string().min(1),
  text: z.string().min(1),
});
export type ImplicitPrompt = z.infer<typeof implicitPromptSchema>;

/** Who answered as teacher. `replayed` answers are recorded ones and are labelled wherever they appear. */
export const teacherSchema = z.object({
  model: z.string(),
  replayed: z.boolean(),
});
export type Teacher = z.infer<typeof teacherSchema>;

/** A vulnerable function and its secure counterpart. */
export const repairPairSchema = z.object({
  id: z.string().min(1),
  functionId: z.string().min(1),
  project: z.string(),
  commit: z.string().nullable(),
  cve: z.string().nullable(),
  cwe: z.array(cweSchema),
  language: languageSchema,
  vulnerable: z.string().min(1),
  secure: z.string().min(1),
  humanFix: z.string().nullable(),
  diagnosis: diagnosisSchema.nullable(),
  reflections: z.array(reflectionSchema),
  /** Confidence after the last reflection (and vote), in [0, 1]; null for human fixes. */
  confidence: z.number().min(0).max(1).nullable(),
  teacher: teacherSchema.nullable(),
  group: z.string(),
  split: splitSchema,
});
export type RepairPair = z.infer<typeof repairPairSchema>;

/** A pair with its implicit prompts: what survives validation is PrimeVul+. */
export const primeVulPlusRecordSchema = repairPairSchema.extend({
  prompts: z.array(implicitPromptSchema),
});
export type PrimeVulPlusRecord = z.infer<typeof primeVulPlusRecordSchema>;

/** One sampled answer with the very token ids that were sampled. */
export const rolloutSchema = z.object({
  id: z.string(),
  /** Record or task that the prompt came from. */
  sourceId: z.string(),
  prompt: z.string(),
  completion: z.string(),
  tokenIds: z.array(z.number().int().nonnegative()),
  /** Character span [start, end) of each token in `completion` (UTF-16 code units). */
  tokenOffsets: z.array(z.tuple([z.number().int(), z.number().int()])),
  /** Natural log-probabilities of the sampled ids under the sampling policy. */
  logProbs: z.array(z.number()).nullable(),
});
export type Rollout = z.infer<typeof rolloutSchema>;

export const rewardSpanSchema = z.object({
  /** Character span [start, end) in the completion. */
  start: z.number().int().nonnegative(),
  end: z.number().int().nonnegative(),
  side: z.enum(['secure', 'vulnerable']),
  /** Index of the hunk that this span realises; -1 for rewards that are not from a hunk. */
  hunk: z.number().int(),
  /** Reward mass on this span, signed, dimensionless. */
  value: z.number(),
  /** Match score in [0, 1]. */
  score: z.number(),
  reason: z.string(),
});
export type RewardSpan = z.infer<typeof rewardSpanSchema>;

/** Rewards of one rollout as they lie on disk; in memory `values` is a Float32Array. */
export const tokenRewardsSchema = z.object({
  rolloutId: z.string(),
  /** Strategy name: token, line, instance, analyzer, sum. */
  strategy: z.string(),
  values: z.array(z.number()),
  spans: z.array(rewardSpanSchema),
  total: z.number(),
});
export type TokenRewardsRecord = z.infer<typeof tokenRewardsSchema>;

/** One result of one analyzer. */
export const findingSchema = z.object({
  analyzer: z.string(),
  ruleId: z.string(),
  cwe: z.array(z.string()),
  severity: severitySchema,
  message: z.string(),
  /** 1-based. */
  line: z.number().int().positive(),
  column: z.number().int().positive().nullable(),
  endLine: z.number().int().positive().nullable(),
});
export type Finding = z.infer<typeof findingSchema>;

/** A task of a benchmark: a prompt and, where there is one, a driver that tests function and security. */
export const benchTaskSchema = z.object({
  id: z.string(),
  suite: z.string(),
  language: languageSchema,
  prompt: z.string(),
  cwe: z.array(z.string()),
  /** Family or category for clustered intervals. */
  family: z.string(),
  split: z.string(),
  functionName: z.string().nullable(),
  /** C source placed before the generated function: includes, types, helpers. */
  preamble: z.string().nullable(),
  /** C source placed after it, with `main(argc, argv)`: argv[1] is `function` or `security`; exit 0 is a pass. */
  driver: z.string().nullable(),
  /** Known good answer, to check the harness itself. */
  referenceSecure: z.string().nullable(),
  referenceVulnerable: z.string().nullable(),
});
export type BenchTask = z.infer<typeof benchTaskSchema>;

/** Outcome of one sample on one task. `null` means not measured (for example, no compiler). */
export const benchResultSchema = z.object({
  taskId: z.string(),
  suite: z.string(),
  arm: z.string(),
  seed: z.number().int(),
  sampleIndex: z.number().int().nonnegative(),
  family: z.string(),
  split: z.string(),
  completion: z.string(),
  parsed: z.boolean(),
  compiled: z.boolean().nullable(),
  functional: z.boolean().nullable(),
  secure: z.boolean().nullable(),
  secureAndFunctional: z.boolean().nullable(),
  /** How `secure` was decided: `compiled` oracle or `rules` standing in for it. */
  oracle: z.enum(['compiled', 'rules']),
  findings: z.array(findingSchema),
  /** Why a step failed, in a few words; null when all passed. */
  detail: z.string().nullable(),
});
export type BenchResult = z.infer<typeof benchResultSchema>;
