import type { DatasetStats } from '../compute-stats.js';
import type { RecordShape } from './record-columns.js';

export interface DatasetCardOptions {
  readonly name: string;
  readonly shape: RecordShape;
  readonly stats: DatasetStats;
  /** Split → path of its Parquet file in the folder. */
  readonly files: Readonly<Record<string, string>>;
  readonly synthetic: readonly string[];
}

const number = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(2));
const yamlString = (value: string): string => JSON.stringify(value);
/** Text from records in a Markdown table cell: no markup, no line breaks, no extra columns. */
const cell = (value: string): string =>
  value
    .replace(/\s+/g, ' ')
    .replace(/[\\`*_{}[\]<>|#]/g, '\\$&')
    .slice(0, 120);

function countTable(title: string, counts: Readonly<Record<string, number>>, limit = 20): string {
  const entries = Object.entries(counts).slice(0, limit);
  if (entries.length === 0) return '';
  const rows = entries.map(([name, count]) => `| ${cell(name)} | ${count} |`);
  return `\n| ${title} | records |\n| --- | ---: |\n${rows.join('\n')}\n`;
}

/** The README of a Hugging Face dataset folder: YAML header that maps splits to files, then what the data are. */
export function formatDatasetCard(options: DatasetCardOptions): string {
  const { stats } = options;
  const configs = Object.entries(options.files).map(
    ([split, path]) => `      - split: ${split}\n        path: ${yamlString(path)}`,
  );
  const changes = stats.changes;
  const labels = options.synthetic.map((label) => `> **Synthetic part:** ${cell(label)}\n`).join('>\n');
  const facts = [
    `${stats.records} records in ${stats.groups} groups; a group (one commit, or near-duplicate code) never crosses splits.`,
    stats.lines
      ? `Vulnerable functions: median ${number(stats.lines.median)} lines, p90 ${number(stats.lines.p90)}.`
      : '',
    changes.records > 0
      ? `Edits: ${changes.shapes['insertion-only']} only add tokens, ${changes.shapes['deletion-only']} only delete, ${changes.shapes.replacement} replace.`
      : '',
    stats.prompts.total > 0 ? `${stats.prompts.total} implicit prompts.` : '',
    stats.confidence ? `Teacher confidence: median ${number(stats.confidence.median)}.` : '',
  ].filter((fact) => fact !== '');
  return `---
license: other
language:
  - code
tags:
  - code
  - security
pretty_name: ${yamlString(options.name)}
configs:
  - config_name: default
    data_files:
${configs.join('\n')}
---

# ${cell(options.name)}

${labels}${labels ? '\n' : ''}${shapeText[options.shape]} Written by SRCode.

${facts.map((fact) => `- ${fact}`).join('\n')}

Function texts stay under the licences of the projects they come from.
${countTable('split', stats.splits)}${countTable('language', stats.languages)}${countTable('CWE', stats.cwes)}${countTable('source', stats.sources)}${countTable('teacher', stats.teachers)}`;
}

const shapeText: Readonly<Record<RecordShape, string>> = {
  functions: 'Vulnerable C and C++ functions, with the human fix where it is known.',
  pairs: 'Vulnerable C and C++ functions, each with a secure counterpart.',
  'prime-vul-plus':
    'Vulnerable C and C++ functions, each with a secure counterpart and implicit prompts that ask for the code without asking for security.',
};
