export { type AnswerOptions, createSolver } from './create-solver.js';
export { BenchmarkInputError } from './errors.js';
export { extractAnswer } from './extract-answer.js';
export { readResults, writeResults } from './results-file.js';
export {
  type BenchmarkEvent,
  type BenchmarkRun,
  type RunBenchmarkOptions,
  runBenchmark,
} from './run-benchmark.js';
export {
  type ArmComparison,
  type ArmEntry,
  type ArmSummary,
  armComparisonSchema,
  armEntrySchema,
  armSummarySchema,
  type BenchmarkResults,
  benchmarkResultsSchema,
  type FindingCounts,
} from './schemas.js';
export {
  type AnalyzerScorerOptions,
  createAnalyzerScorer,
  createOracleScorer,
  createParseScorer,
  createRulesStandIn,
} from './scorers.js';
export { type BootstrapOptions, bootstrapInterval, signFlipTest } from './statistics/bootstrap.js';
export { type CompareOptions, compareArms } from './statistics/compare-arms.js';
export { meanPassAtK, passAtK } from './statistics/pass-at-k.js';
export { computeRate, type MetricName, metricNames } from './statistics/rates.js';
export {
  countFindings,
  type SummarizeOptions,
  summarizeArm,
  summarizeSeeds,
} from './statistics/summarize-arm.js';
export {
  assembleProProgram,
  loadCodeEvalPro,
  type ProResult,
  type ProTask,
  type RunCodeEvalProOptions,
  runCodeEvalPro,
} from './suites/code-eval-pro.js';
export { loadCwEval } from './suites/load-cweval.js';
export { type LoadCyberSecEvalOptions, loadCyberSecEval } from './suites/load-cyberseceval.js';
export { loadHumanEvalX } from './suites/load-humaneval-x.js';
export type { Sample, Score, ScoredInput, Scorer, SolveOptions, Solver } from './types.js';
export {
  type TaskProblem,
  type TaskVerification,
  type VerifyTasksOptions,
  verifyTasks,
} from './verify-tasks.js';
