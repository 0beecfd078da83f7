import type { SchemaElement } from 'hyparquet';
import type { PrimeVulPlusRecord, RepairPair, VulnerableFunction } from '../schemas.js';
import { group, list, text } from './verl-rows.js';

export type ExportableRecord = VulnerableFunction | RepairPair | PrimeVulPlusRecord;
export type RecordShape = 'functions' | 'pairs' | 'prime-vul-plus';

/** Which of the three record types this is. */
export function shapeOf(record: ExportableRecord): RecordShape {
  if (!('secure' in record)) return 'functions';
  return 'prompts' in record ? 'prime-vul-plus' : 'pairs';
}

const double = (name: string): SchemaElement => ({ name, type: 'DOUBLE', repetition_type: 'OPTIONAL' });
const int64 = (name: string): SchemaElement => ({ name, type: 'INT64', repetition_type: 'OPTIONAL' });
const boolean = (name: string): SchemaElement => ({ name, type: 'BOOLEAN', repetition_type: 'OPTIONAL' });

const common: readonly (readonly [string, readonly SchemaElement[]])[] = [
  ['id', [text('id')]],
  ['project', [text('project')]],
  ['commit', [text('commit')]],
  ['cve', [text('cve')]],
  ['cwe', list('cwe', [text('element')])],
  ['language', [text('language')]],
  ['vulnerable', [text('vulnerable')]],
  ['human_fix', [text('human_fix')]],
  ['group', [text('group')]],
  ['split', [text('split')]],
];

const functionColumns: typeof common = (
  ['function_name', 'description', 'commit_message', 'file', 'source', 'license', 'upstream_hash'] as const
).map((name) => [name, [text(name)]] as const);

const pairColumns: typeof common = [
  ['function_id', [text('function_id')]],
  ['secure', [text('secure')]],
  [
    'diagnosis',
    [group('diagnosis', 3), text('cwe'), text('root_cause'), ...list('vulnerable_lines', [int64('element')])],
  ],
  [
    'reflections',
    list('reflections', [
      group('element', 4),
      int64('round'),
      text('verdict'),
      double('confidence'),
      ...list('issues', [text('element')]),
    ]),
  ],
  ['confidence', [double('confidence')]],
  ['teacher', [group('teacher', 2), text('model'), boolean('replayed')]],
];

const promptColumns: typeof common = [
  ['prompts', list('prompts', [group('element', 2), text('style'), text('text')])],
];

/** Parquet columns of a record type: names in snake case, lists and structs nested as pandas and Arrow read them. */
export function recordColumns(shape: RecordShape): { columns: string[]; schema: SchemaElement[] } {
  const columns = [
    ...common,
    ...(shape === 'functions' ? functionColumns : pairColumns),
    ...(shape === 'prime-vul-plus' ? promptColumns : []),
  ];
  return {
    columns: columns.map(([name]) => name),
    schema: [{ name: 'root', num_children: columns.length }, ...columns.flatMap(([, elements]) => elements)],
  };
}

/** The record as a row of `recordColumns`. */
export function toRecordRow(record: ExportableRecord): Record<string, unknown> {
  const { id, project, commit, cve, cwe, language, vulnerable, humanFix, group: groupName, split } = record;
  const row = {
    id,
    project,
    commit,
    cve,
    cwe,
    language,
    vulnerable,
    human_fix: humanFix,
    group: groupName,
    split,
  };
  if (!('secure' in record)) {
    return {
      ...row,
      function_name: record.functionName,
      description: record.description,
      commit_message: record.commitMessage,
      file: record.file,
      source: record.source,
      license: record.license,
      upstream_hash: record.upstreamHash,
    };
  }
  const { diagnosis } = record;
  return {
    ...row,
    function_id: record.functionId,
    secure: record.secure,
    diagnosis: diagnosis && {
      cwe: diagnosis.cwe,
      root_cause: diagnosis.rootCause,
      vulnerable_lines: diagnosis.vulnerableLines.map(BigInt),
    },
    reflections: record.reflections.map((reflection) => ({ ...reflection, round: BigInt(reflection.round) })),
    confidence: record.confidence,
    teacher: record.teacher,
    ...('prompts' in record ? { prompts: record.prompts } : {}),
  };
}
