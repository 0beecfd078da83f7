import type { Severity } from '@srcode/dataset';

/** One row of the severity table: what a tool calls a level, what we count it as, and where the level is defined. */
export interface SeverityRow {
  readonly tool: string;
  readonly level: string;
  readonly severity: Severity;
  readonly source: string;
}

const cppcheckManual = 'cppcheck manual, "Severities"; the mapping is our choice';
const flawfinderManual =
  'flawfinder manual, risk levels 0 to 5; its SARIF gives error, warning, note by the same cuts';
const sarifStandard = 'SARIF 2.1.0, 3.27.10 level; the mapping is our choice';
const semgrepManual = 'semgrep rule syntax, "severity"; the mapping is our choice';
const clangManual = 'clang-tidy check groups; the mapping is our choice';
const detectorSource =
  'CyberSecEval insecure code detector; the mapping is our choice (the benchmark itself drops it)';

/** The one place where tools' levels become our severities. Levels are compared in lower case. */
export const severityTable: readonly SeverityRow[] = [
  { tool: 'cppcheck', level: 'error', severity: 'high', source: cppcheckManual },
  { tool: 'cppcheck', level: 'warning', severity: 'medium', source: cppcheckManual },
  { tool: 'cppcheck', level: 'portability', severity: 'low', source: cppcheckManual },
  { tool: 'cppcheck', level: 'performance', severity: 'info', source: cppcheckManual },
  { tool: 'cppcheck', level: 'style', severity: 'info', source: cppcheckManual },
  { tool: 'cppcheck', level: 'information', severity: 'info', source: cppcheckManual },
  { tool: 'flawfinder', level: '5', severity: 'high', source: flawfinderManual },
  { tool: 'flawfinder', level: '4', severity: 'high', source: flawfinderManual },
  { tool: 'flawfinder', level: '3', severity: 'medium', source: flawfinderManual },
  { tool: 'flawfinder', level: '2', severity: 'low', source: flawfinderManual },
  { tool: 'flawfinder', level: '1', severity: 'low', source: flawfinderManual },
  { tool: 'flawfinder', level: '0', severity: 'info', source: flawfinderManual },
  { tool: 'semgrep', level: 'critical', severity: 'critical', source: semgrepManual },
  { tool: 'semgrep', level: 'error', severity: 'high', source: semgrepManual },
  { tool: 'semgrep', level: 'high', severity: 'high', source: semgrepManual },
  { tool: 'semgrep', level: 'warning', severity: 'medium', source: semgrepManual },
  { tool: 'semgrep', level: 'medium', severity: 'medium', source: semgrepManual },
  { tool: 'semgrep', level: 'info', severity: 'low', source: semgrepManual },
  { tool: 'semgrep', level: 'low', severity: 'low', source: semgrepManual },
  { tool: 'clang-tidy', level: 'clang-analyzer-security', severity: 'high', source: clangManual },
  { tool: 'clang-tidy', level: 'clang-analyzer-core', severity: 'high', source: clangManual },
  { tool: 'clang-tidy', level: 'clang-analyzer-unix', severity: 'high', source: clangManual },
  { tool: 'clang-tidy', level: 'clang-analyzer', severity: 'medium', source: clangManual },
  { tool: 'clang-tidy', level: 'cert', severity: 'medium', source: clangManual },
  { tool: 'clang-tidy', level: 'bugprone', severity: 'medium', source: clangManual },
  { tool: 'insecure-code-detector', level: 'error', severity: 'high', source: detectorSource },
  { tool: 'insecure-code-detector', level: 'warning', severity: 'medium', source: detectorSource },
  { tool: 'insecure-code-detector', level: 'advice', severity: 'low', source: detectorSource },
  { tool: 'sarif', level: 'error', severity: 'high', source: sarifStandard },
  { tool: 'sarif', level: 'warning', severity: 'medium', source: sarifStandard },
  { tool: 'sarif', level: 'note', severity: 'low', source: sarifStandard },
  { tool: 'sarif', level: 'none', severity: 'info', source: sarifStandard },
];

const bySeverityKey = new Map(severityTable.map((row) => [`${row.tool}\0${row.level}`, row.severity]));

/** Our severity of a tool's level; `info`, which never counts as a vulnerability, for levels not in the table. */
export function mapSeverity(tool: string, level: string): Severity {
  return bySeverityKey.get(`${tool}\0${level.toLowerCase()}`) ?? 'info';
}

/**
 * Severity of a CodeQL `security-severity` score in [0, 10]: ≥ 9 critical, ≥ 7 high, ≥ 4 medium, > 0 low, else info
 * (the cut-offs of GitHub code scanning, which PurpCode uses too).
 */
export function severityFromScore(score: number): Severity {
  if (score >= 9) return 'critical';
  if (score >= 7) return 'high';
  if (score >= 4) return 'medium';
  return score > 0 ? 'low' : 'info';
}

const levels: Readonly<Record<Severity, 'error' | 'warning' | 'note' | 'none'>> = {
  critical: 'error',
  high: 'error',
  medium: 'warning',
  low: 'note',
  info: 'none',
};

/** SARIF level of a severity, and the `security-severity` score that tells critical from high. */
export function toSarifLevel(severity: Severity): {
  readonly level: 'error' | 'warning' | 'note' | 'none';
  readonly score: string;
} {
  const score = { critical: '9.5', high: '8.0', medium: '5.5', low: '2.0', info: '0.0' }[severity];
  return { level: levels[severity], score };
}
