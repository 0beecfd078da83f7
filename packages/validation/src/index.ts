export { PAIR_CHECKS, PROMPT_CHECKS } from './checks/list-checks.js';
export { DEFAULT_LIMITS } from './default-limits.js';
export type { Judge, JudgeOpinion } from './judge.js';
export {
  type Agreement,
  type CalibrationBin,
  type LabelledConfidence,
  type LabelledVerdict,
  measureAgreement,
  measureCalibration,
} from './measure-agreement.js';
export { type ValidationReport, validationReportSchema } from './schemas.js';
export type {
  CheckContext,
  CheckResult,
  Objection,
  PairCheck,
  PromptCheck,
  Severity,
  SideFacts,
  ValidationInput,
  ValidationLimits,
  ValidationVerdict,
} from './types.js';
export { type ValidateDatasetOptions, type ValidationEvent, validateDataset } from './validate-dataset.js';
export { type ValidateRecordOptions, validateRecord, validateRecordWithJudge } from './validate-record.js';
