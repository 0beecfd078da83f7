export { createClangTidyAnalyzer } from './adapters/clang-tidy.js';
export { type CodeqlOptions, createCodeqlAnalyzer } from './adapters/codeql.js';
export { createCppcheckAnalyzer } from './adapters/cppcheck.js';
export {
  createExternalAnalyzer,
  type ExternalTool,
  type ToolContext,
} from './adapters/create-external-analyzer.js';
export {
  type CreateAnalyzersOptions,
  createAnalyzers,
  type DetectedAnalyzer,
  detectAnalyzers,
} from './adapters/detect-analyzers.js';
export { createFlawfinderAnalyzer } from './adapters/flawfinder.js';
export { createSemgrepAnalyzer, type SemgrepOptions } from './adapters/semgrep.js';
export { AnalyzerFailedError, MalformedSarifError, SandboxFailedError, ToolMissingError } from './errors.js';
export type { OracleProgram } from './oracle/assemble-program.js';
export {
  type CompiledProgram,
  type CompileOptions,
  compileProgram,
  type DriverRun,
  type OracleLimits,
} from './oracle/compile-program.js';
export {
  type CompiledOracle,
  type CompiledOracleOptions,
  createCompiledOracle,
  type OracleVerdict,
} from './oracle/create-compiled-oracle.js';
export { type Compiler, type CompilerDetection, detectCompiler } from './oracle/detect-compiler.js';
export {
  createRulesAnalyzer,
  type RulesAnalyzerOptions,
  ruleDocs,
  rulesAnalyzerName,
} from './rules/create-rules-analyzer.js';
export type { RuleDoc } from './rules/types.js';
export { createSandbox, type Sandbox, type SandboxWorkDir } from './sandbox/create-sandbox.js';
export { detectSandbox } from './sandbox/detect-sandbox.js';
export type { SandboxOptions, WorkDirRun, WorkDirStep } from './sandbox/run-context.js';
export { type RunSandboxedOptions, runSandboxed } from './sandbox/run-sandboxed.js';
export type { SandboxLevel, SandboxLimits, SandboxReport, SandboxResult } from './sandbox/types.js';
export {
  type LocatedFinding,
  type ParseSarifOptions,
  parseSarif,
  readSarif,
} from './sarif/read-sarif.js';
export { toSarif, writeSarif } from './sarif/write-sarif.js';
export { mapSeverity, type SeverityRow, severityFromScore, severityTable } from './severity.js';
export type { Analyzer, AnalyzerInput, Availability } from './types.js';
