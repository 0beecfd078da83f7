import { writeFileAtomic } from '@srcode/core';
import { ruleDocs, rulesAnalyzerName } from '../rules/create-rules-analyzer.js';
import { toSarifLevel } from '../severity.js';
import type { LocatedFinding } from './read-sarif.js';

const schemaUri = 'https://json.schemastore.org/sarif-2.1.0.json';

function describeRule(analyzer: string, findings: readonly LocatedFinding[], id: string): object {
  const example = findings.find(({ finding }) => finding.ruleId === id)!.finding;
  const doc = analyzer === rulesAnalyzerName ? ruleDocs.find((rule) => rule.id === id) : undefined;
  const { level, score } = toSarifLevel(doc?.severity ?? example.severity);
  // A rule speaks for all its results: only what they have in common.
  const own = findings.filter(({ finding }) => finding.ruleId === id);
  const cwe = example.cwe.filter((name) => own.every(({ finding }) => finding.cwe.includes(name)));
  return {
    id,
    ...(doc ? { shortDescription: { text: doc.title }, help: { text: doc.help } } : {}),
    defaultConfiguration: { level },
    properties: {
      tags: ['security', ...cwe.map((name) => `external/cwe/${name.toLowerCase()}`)],
      'security-severity': score,
    },
  };
}

function toResult({ file, finding }: LocatedFinding, ruleIds: readonly string[]): object {
  const { level, score } = toSarifLevel(finding.severity);
  return {
    ruleId: finding.ruleId,
    ruleIndex: ruleIds.indexOf(finding.ruleId),
    level,
    message: { text: finding.message || finding.ruleId },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: file },
          region: {
            startLine: finding.line,
            ...(finding.column === null ? {} : { startColumn: finding.column }),
            ...(finding.endLine === null ? {} : { endLine: finding.endLine }),
          },
        },
      },
    ],
    ...(finding.cwe.length === 0
      ? {}
      : { taxa: finding.cwe.map((id) => ({ id, toolComponent: { name: 'CWE' } })) }),
    properties: { 'security-severity': score },
  };
}

/** The SARIF 2.1.0 document of some findings, one run per analyzer, in order. `parseSarif` gives the same findings back. */
export function toSarif(findings: readonly LocatedFinding[]): object {
  const analyzers = [...new Set(findings.map(({ finding }) => finding.analyzer))];
  return {
    $schema: schemaUri,
    version: '2.1.0',
    runs: analyzers.map((analyzer) => {
      const own = findings.filter(({ finding }) => finding.analyzer === analyzer);
      const ruleIds = [...new Set(own.map(({ finding }) => finding.ruleId))];
      return {
        tool: { driver: { name: analyzer, rules: ruleIds.map((id) => describeRule(analyzer, own, id)) } },
        columnKind: 'utf16CodeUnits',
        results: own.map((item) => toResult(item, ruleIds)),
      };
    }),
  };
}

/** Writes findings as a SARIF 2.1.0 file, whole or not at all. */
export async function writeSarif(path: string, findings: readonly LocatedFinding[]): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(toSarif(findings), null, 2)}\n`);
}
