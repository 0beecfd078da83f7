import { canonicalJson } from '@srcode/core';
import type { SchemaElement } from 'hyparquet';
import type { PrimeVulPlusRecord } from '../schemas.js';
import type { ChatMessage } from './chat-messages.js';

/** One row in verl's layout. `ground_truth` is JSON text with the pair that a reward function compares with. */
export interface VerlRow {
  readonly data_source: string;
  readonly prompt: readonly ChatMessage[];
  readonly ability: string;
  readonly reward_model: { readonly style: string; readonly ground_truth: string };
  readonly extra_info: {
    readonly split: string;
    readonly index: number;
    readonly id: string;
    readonly pair_id: string;
    readonly style: string;
    readonly cwe: string;
    readonly language: string;
    readonly group: string;
  };
}

/** One row per implicit prompt; `startIndex` is the index of the first within the export. */
export function toVerlRows(
  record: PrimeVulPlusRecord,
  startIndex: number,
  dataSource: string,
  systemPrompt?: string,
): VerlRow[] {
  const groundTruth = canonicalJson({
    id: record.id,
    vulnerable: record.vulnerable,
    secure: record.secure,
  });
  return record.prompts.map((prompt, offset) => ({
    data_source: dataSource,
    prompt: [
      ...(systemPrompt === undefined ? [] : [{ role: 'system' as const, content: systemPrompt }]),
      { role: 'user' as const, content: prompt.text },
    ],
    ability: 'secure-code',
    reward_model: { style: 'rule', ground_truth: groundTruth },
    extra_info: {
      split: record.split,
      index: startIndex + offset,
      id: `${record.id}#${offset}`,
      pair_id: record.id,
      style: prompt.style,
      cwe: record.cwe.join(','),
      language: record.language,
      group: record.group,
    },
  }));
}

export const text = (name: string): SchemaElement => ({
  name,
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
  repetition_type: 'OPTIONAL',
});

export const group = (name: string, children: number): SchemaElement => ({
  name,
  repetition_type: 'OPTIONAL',
  num_children: children,
});

/** A list column in the three-level layout that Arrow and pandas write. */
export const list = (name: string, element: readonly SchemaElement[]): SchemaElement[] => [
  { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  ...element,
];

export const verlColumns = ['data_source', 'prompt', 'ability', 'reward_model', 'extra_info'] as const;

export const verlSchema: SchemaElement[] = [
  { name: 'root', num_children: verlColumns.length },
  text('data_source'),
  ...list('prompt', [group('element', 2), text('role'), text('content')]),
  text('ability'),
  group('reward_model', 2),
  text('style'),
  text('ground_truth'),
  group('extra_info', 8),
  text('split'),
  { name: 'index', type: 'INT64', repetition_type: 'OPTIONAL' },
  text('id'),
  text('pair_id'),
  text('style'),
  text('cwe'),
  text('language'),
  text('group'),
];
