export { computeStats, type DatasetStats, type EditShape, type StatsRecord } from './compute-stats.js';
export {
  type BuildCorpusOptions,
  buildCorpus,
  defaultHeldOutFamilies,
  findScenarioFamily,
  scenarioFamilies,
} from './corpus/build-corpus.js';
export {
  scenarioProject,
  toBenchTask,
  toPrimeVulPlusRecord,
  toVulnerableFunction,
} from './corpus/convert-scenario.js';
export {
  countInstances,
  drawSlotValues,
  instantiateScenario,
  type ScenarioInstance,
  type ScenarioSplit,
} from './corpus/instantiate-scenario.js';
export type { ScenarioFamily, ScenarioTexts, SlotValues } from './corpus/scenario-family.js';
export {
  type Dataset,
  type DatasetKind,
  type DatasetRecordByKind,
  openDataset,
  type SaveDatasetOptions,
  saveDataset,
} from './dataset-directory.js';
export { type ChatMessage, fenceCode, type SftExample, toSftExamples } from './export/chat-messages.js';
export {
  type ExportDatasetOptions,
  type ExportedFile,
  type ExportFormat,
  type ExportReport,
  exportDataset,
  type RecordSource,
} from './export/export-dataset.js';
export { toVerlRows, type VerlRow } from './export/verl-rows.js';
export { detectLanguage } from './import/detect-language.js';
export { findFunctionName } from './import/find-function-name.js';
export type { ImportOptions, ImportReport } from './import/import-options.js';
export { importPairs } from './import/import-pairs.js';
export { type ImportPrimeVulOptions, importPrimeVul } from './import/import-prime-vul.js';
export { importPrimeVulPlusMini } from './import/import-prime-vul-plus-mini.js';
export { normaliseCwe } from './import/normalise-cwe.js';
export type { Summary } from './internal/distribution.js';
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
export { type AssignSplitsOptions, assignSplits } from './split/assign-splits.js';
export {
  checkLeakage,
  type LeakageCase,
  type LeakageReason,
  type LeakageReport,
} from './split/check-leakage.js';
export {
  type DeduplicateOptions,
  type DeduplicateResult,
  type DedupRecord,
  type DroppedRecord,
  deduplicate,
} from './split/deduplicate.js';
export { type GroupableRecord, groupRecords } from './split/group-records.js';
