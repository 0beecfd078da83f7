import { readFile, stat } from 'node:fs/promises';
import { wrapFileError } from '@srcode/core';
import type { Finding, Severity } from '@srcode/dataset';
import { MalformedSarifError } from '../errors.js';
import { mapSeverity, severityFromScore } from '../severity.js';
import { type SarifResult, type SarifRule, type SarifRun, sarifSchema } from './schemas.js';

/** A finding and the file that it is about, as the document names it. */
export interface LocatedFinding {
  readonly file: string;
  readonly finding: Finding;
}

export interface ParseSarifOptions {
  /** For messages. */
  readonly path?: string;
  /** Default 64 MiB: CodeQL's output for a large program is a tenth of it. */
  readonly maxBytes?: number;
  /** Default 100,000 over all runs. */
  readonly maxResults?: number;
}

const defaultMaxBytes = 64 * 1024 * 1024;
const defaultMaxResults = 100_000;
const maxMessageLength = 2000;

function fail(code: string, path: string, message: string, cause?: unknown): MalformedSarifError {
  return new MalformedSarifError({ code, message: `${path}: ${message}`, context: { path }, cause });
}

/** CWE numbers in the ways that tools write them: `CWE-79`, `external/cwe/cwe-079`, `cwe:79`; the result's own before its rule's. */
function collectCwes(result: SarifResult, rule: SarifRule | undefined): string[] {
  const own = (result.taxa ?? []).map((reference) => reference.id ?? '');
  const ofRule = [
    ...(rule?.relationships ?? []).map(({ target }) => target.id ?? ''),
    ...(rule?.properties?.tags ?? []),
    ...(result.properties?.tags ?? []),
  ];
  const read = (texts: readonly string[]): string[] => [
    ...new Set(texts.flatMap((text) => /\bcwe[-_:/ ]?0*(\d+)\b/i.exec(text)?.[1] ?? [])),
  ];
  const numbers = read(own);
  return (numbers.length > 0 ? numbers : read(ofRule)).map((number) => `CWE-${number}`);
}

function findRule(run: SarifRun, result: SarifResult): SarifRule | undefined {
  const component = result.rule?.toolComponent?.index;
  const rules = component === undefined ? run.tool.driver.rules : run.tool.extensions?.[component]?.rules;
  const index = result.rule?.index ?? result.ruleIndex;
  const byIndex = index === undefined || index < 0 ? undefined : rules?.[index];
  if (byIndex) return byIndex;
  const id = result.ruleId ?? result.rule?.id;
  for (const { rules: candidates } of [run.tool.driver, ...(run.tool.extensions ?? [])]) {
    const rule = candidates?.find((candidate) => candidate.id === id);
    if (rule) return rule;
  }
  return undefined;
}

function severityOf(result: SarifResult, rule: SarifRule | undefined): Severity {
  const score = Number(
    result.properties?.['security-severity'] ?? rule?.properties?.['security-severity'] ?? Number.NaN,
  );
  if (Number.isFinite(score)) return severityFromScore(score);
  return mapSeverity('sarif', result.level ?? rule?.defaultConfiguration?.level ?? 'warning');
}

function toFinding(run: SarifRun, result: SarifResult): LocatedFinding {
  const rule = findRule(run, result);
  const location = result.locations?.[0]?.physicalLocation;
  const region = location?.region;
  return {
    file: location?.artifactLocation?.uri ?? '',
    finding: {
      analyzer: run.tool.driver.name,
      ruleId: result.ruleId ?? result.rule?.id ?? rule?.id ?? 'unknown',
      cwe: collectCwes(result, rule),
      severity: severityOf(result, rule),
      message: (result.message?.text ?? result.message?.markdown ?? '').slice(0, maxMessageLength),
      line: region?.startLine ?? 1,
      column: region?.startColumn ?? null,
      endLine: region?.endLine ?? null,
    },
  };
}

/**
 * Findings of a SARIF 2.1.0 document. Results that say that all is well (`kind` other than fail, open or review) and
 * suppressed ones are left out. Throws `MalformedSarifError` for text that is not SARIF 2.1.0 or passes the caps.
 */
export function parseSarif(text: string, options: ParseSarifOptions = {}): LocatedFinding[] {
  const path = options.path ?? 'SARIF';
  const maxBytes = options.maxBytes ?? defaultMaxBytes;
  if (Buffer.byteLength(text) > maxBytes)
    throw fail('SARIF_TOO_LARGE', path, `expected at most ${maxBytes} bytes, got more. Split the analysis.`);
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw fail(
      'SARIF_NOT_JSON',
      path,
      `expected a SARIF 2.1.0 document, got text that is not JSON (${(cause as Error).message}). Did the tool end early?`,
      cause,
    );
  }
  const parsed = sarifSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw fail(
      'SARIF_INVALID',
      path,
      `expected SARIF 2.1.0, field "${issue?.path.map(String).join('.')}": ${issue?.message}.`,
      parsed.error,
    );
  }
  const maxResults = options.maxResults ?? defaultMaxResults;
  const total = parsed.data.runs.reduce((sum, run) => sum + (run.results?.length ?? 0), 0);
  if (total > maxResults)
    throw fail('SARIF_TOO_MANY_RESULTS', path, `expected at most ${maxResults} results, got ${total}.`);
  return parsed.data.runs.flatMap((run) =>
    (run.results ?? [])
      .filter((result) => ['fail', 'open', 'review'].includes(result.kind ?? 'fail'))
      .filter((result) => (result.suppressions ?? []).length === 0)
      .map((result) => toFinding(run, result)),
  );
}

/** Findings of a SARIF 2.1.0 file; see `parseSarif`. Throws `InputError` when the file cannot be read. */
export async function readSarif(path: string, options: ParseSarifOptions = {}): Promise<LocatedFinding[]> {
  const maxBytes = options.maxBytes ?? defaultMaxBytes;
  let text: string;
  try {
    if ((await stat(path)).size > maxBytes)
      throw fail(
        'SARIF_TOO_LARGE',
        path,
        `expected at most ${maxBytes} bytes, got more. Split the analysis.`,
      );
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw wrapFileError(error, path, 'read');
  }
  return parseSarif(text, { ...options, path });
}
