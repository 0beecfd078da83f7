import { stat } from 'node:fs/promises';
import { InputError, parseJsonlLine, readJsonl, readLines, wrapFileError } from '@srcode/core';
import {
  type DatasetKind,
  importPairs,
  importPrimeVulPlusMini,
  openDataset,
  type PrimeVulPlusRecord,
  primeVulPlusRecordSchema,
  type RepairPair,
  repairPairSchema,
  type VulnerableFunction,
  vulnerableFunctionSchema,
} from '@srcode/dataset';
import { z } from 'zod';

export type AnyRecord = VulnerableFunction | RepairPair | PrimeVulPlusRecord;

/** Records of a dataset folder or of one JSON Lines file, whichever layout it has. */
export interface RecordSource {
  readonly path: string;
  readonly kind: DatasetKind;
  /** Undefined where it is not known without reading the whole file. */
  readonly size: number | undefined;
  records(signal?: AbortSignal): AsyncGenerator<AnyRecord>;
}

/** Opens `path`: a dataset folder of ours, or a `.jsonl` of records, of pairs, or of recorded teacher answers. */
export async function openRecords(path: string): Promise<RecordSource> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(path)).isDirectory();
  } catch (error) {
    throw wrapFileError(error, path, 'read');
  }
  if (isFolder) {
    const dataset = await openDataset(path);
    return {
      path,
      kind: dataset.kind,
      size: dataset.size,
      records: (signal) => dataset.records(signal ? { signal } : {}) as AsyncGenerator<AnyRecord>,
    };
  }
  for await (const line of readLines(path)) {
    const first = parseJsonlLine(line, z.looseObject({}), path);
    if ('fixed' in first)
      return {
        path,
        kind: 'functions',
        size: undefined,
        records: (signal) => importPairs(path, signal ? { signal } : {}),
      };
    if ('repair' in first)
      return {
        path,
        kind: 'prime-vul-plus',
        size: undefined,
        records: (signal) => importPrimeVulPlusMini(path, signal ? { signal } : {}),
      };
    const kind: DatasetKind =
      'prompts' in first ? 'prime-vul-plus' : 'secure' in first ? 'pairs' : 'functions';
    const schema = {
      functions: vulnerableFunctionSchema,
      pairs: repairPairSchema,
      'prime-vul-plus': primeVulPlusRecordSchema,
    }[kind];
    return {
      path,
      kind,
      size: undefined,
      records: (signal) => readJsonl(path, schema, signal ? { signal } : {}) as AsyncGenerator<AnyRecord>,
    };
  }
  throw new InputError({
    code: 'DATASET_EMPTY',
    message: `${path}: expected records, found an empty file.`,
    context: { path },
  });
}

/** A record as a pair: the teacher's repair, or the human fix of a function that has one; null without a secure side. */
export function toPair(record: AnyRecord): RepairPair | PrimeVulPlusRecord | null {
  if ('secure' in record) return record;
  return record.humanFix === null ? null : humanPair(record, record.humanFix);
}

/** The pair of a function and the fix that people made: no teacher, no confidence. */
export function humanPair(record: VulnerableFunction, humanFix: string): RepairPair {
  return {
    id: record.id,
    functionId: record.id,
    project: record.project,
    commit: record.commit,
    cve: record.cve,
    cwe: record.cwe,
    language: record.language,
    vulnerable: record.vulnerable,
    secure: humanFix,
    humanFix,
    diagnosis: null,
    reflections: [],
    confidence: null,
    teacher: null,
    group: record.group,
    split: record.split,
  };
}
