import { Rng, sha256Hex } from '@srcode/core';
import { normaliseText } from '../internal/lexical-text.js';
import { NearDuplicateIndex } from '../internal/near-duplicate-index.js';
import type { Split } from '../schemas.js';
import { commitKey, type GroupableRecord, textsOf } from './group-records.js';

export type LeakageReason = 'id' | 'group' | 'commit' | 'exact-text' | 'near-text';

export interface LeakageCase {
  readonly reason: LeakageReason;
  readonly a: { readonly id: string; readonly split: Split };
  readonly b: { readonly id: string; readonly split: Split };
  /** Jaccard similarity for texts, 1 for keys. */
  readonly similarity: number;
}

export interface LeakageReport {
  readonly ok: boolean;
  readonly records: number;
  readonly splitCounts: Readonly<Record<Split, number>>;
  /** Record pairs that cross splits, by reason; a pair can count under several. */
  readonly counts: Readonly<Record<LeakageReason, number>>;
  /** The first 100 of them. */
  readonly cases: readonly LeakageCase[];
}

const MAX_KEPT_CASES = 100;

type SplitRecord = GroupableRecord & { readonly group: string; readonly split: Split };

/**
 * What crosses splits: ids, groups, commits, equal texts (comments and layout aside) and near-equal texts.
 *
 * It trusts no `group` field and shares no state with `assignSplits`: texts are hashed anew with other hash
 * functions, so that what one index misses by chance the other finds. Each record is compared with the first
 * holder of a key in every other split, so counts are of crossing records rather than of all their pairs.
 */
export function checkLeakage(records: Iterable<SplitRecord>, nearThreshold = 0.8): LeakageReport {
  const splitCounts: Record<Split, number> = { train: 0, validation: 0, test: 0 };
  const counts: Record<LeakageReason, number> = {
    id: 0,
    group: 0,
    commit: 0,
    'exact-text': 0,
    'near-text': 0,
  };
  const cases: LeakageCase[] = [];
  const holders = new Map<string, SplitRecord[]>();
  const report = (reason: LeakageReason, a: SplitRecord, b: SplitRecord, similarity: number): void => {
    counts[reason]++;
    if (cases.length < MAX_KEPT_CASES)
      cases.push({
        reason,
        a: { id: a.id, split: a.split },
        b: { id: b.id, split: b.split },
        similarity,
      });
  };
  const checkKey = (reason: LeakageReason, key: string, record: SplitRecord): void => {
    const known = holders.get(`${reason}:${key}`) ?? [];
    const crossing = known.find((other) => other.split !== record.split);
    if (crossing) report(reason, crossing, record, 1);
    if (!known.some((other) => other.split === record.split))
      holders.set(`${reason}:${key}`, [...known, record]);
  };
  const index = new NearDuplicateIndex(nearThreshold, Rng.fromSeed('leakage-check'));
  const owners: SplitRecord[] = [];
  let total = 0;
  for (const record of records) {
    total++;
    splitCounts[record.split]++;
    checkKey('id', record.id, record);
    checkKey('group', record.group, record);
    const commit = commitKey(record);
    if (commit !== null) checkKey('commit', commit, record);
    for (const text of new Set(textsOf(record).map(normaliseText)))
      checkKey('exact-text', sha256Hex(text), record);
    const near = new Map<SplitRecord, number>();
    for (const text of textsOf(record)) {
      const { matches } = index.add(text);
      owners.push(record);
      for (const { index: other, similarity } of matches) {
        const owner = owners[other]!;
        if (owner.split !== record.split) near.set(owner, Math.max(similarity, near.get(owner) ?? 0));
      }
    }
    for (const [owner, similarity] of near) report('near-text', owner, record, similarity);
  }
  return {
    ok: Object.values(counts).every((count) => count === 0),
    records: total,
    splitCounts,
    counts,
    cases,
  };
}
