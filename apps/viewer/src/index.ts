export type { LoadRunFolderOptions } from './load/load-options.js';
export { loadRunFolder } from './load-run-folder.js';
export { renderMarkdownReport } from './render-markdown-report.js';
export { type RenderReportOptions, renderReport } from './render-report.js';
export type {
  Curve,
  FamilyOutcome,
  MissingPart,
  PairVerdict,
  PairView,
  ReportInput,
  RolloutSample,
} from './report-input.js';
export {
  type ArmResult,
  armResultSchema,
  type Comparison,
  type FindingCounts,
  type RolloutLine,
  type RunResults,
  runResultsSchema,
} from './schemas.js';
