export type { ScenarioFamily, ScenarioTexts, SlotValues } from './corpus/scenario-family.js';
export { detectLanguage } from './import/detect-language.js';
export { findFunctionName } from './import/find-function-name.js';
export type { ImportOptions, ImportReport } from './import/import-options.js';
export { importPairs } from './import/import-pairs.js';
export { type ImportPrimeVulOptions, importPrimeVul } from './import/import-prime-vul.js';
export { importPrimeVulPlusMini } from './import/import-prime-vul-plus-mini.js';
export { normaliseCwe } from './import/normalise-cwe.js';
export {
  type BenchResult,
  type BenchTask,
  benchResultSchema,
  benchTaskSchema,
  type Diagnosis,
  diagnosisSchema,
  type Finding,
  findingSchema,
  type ImplicitPrompt,
  implicitPromptSchema,
  type Language,
  languageSchema,
  type PrimeVulPlusRecord,
  primeVulPlusRecordSchema,
  type Reflection,
  type RepairPair,
  type RewardSpan,
  type Rollout,
  reflectionSchema,
  repairPairSchema,
  rewardSpanSchema,
  rolloutSchema,
  type Severity,
  type Split,
  severitySchema,
  splitSchema,
  type Teacher,
  type TokenRewardsRecord,
  teacherSchema,
  tokenRewardsSchema,
  type VulnerableFunction,
  vulnerableFunctionSchema,
} from './schemas.js';
