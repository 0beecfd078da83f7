import { sha256Hex } from '@srcode/core';
import { normaliseText } from '../internal/lexical-text.js';
import { NearDuplicateIndex } from '../internal/near-duplicate-index.js';
import { UnionFind } from '../internal/union-find.js';

/** What grouping looks at; `VulnerableFunction`, `RepairPair` and `PrimeVulPlusRecord` fit. */
export interface GroupableRecord {
  readonly id: string;
  readonly project: string;
  readonly commit: string | null;
  readonly vulnerable: string;
  readonly humanFix: string | null;
  readonly secure?: string;
}

/** The texts of a record that must not show up on the other side of a split. */
export function textsOf(record: GroupableRecord): string[] {
  return [record.vulnerable, record.secure, record.humanFix].filter(
    (text): text is string => typeof text === 'string' && text !== '',
  );
}

/**
 * Keys such that records that share one belong together. A full commit hash counts without its project,
 * because mirrors carry one history under several names (`linux`, `linux-2.6`).
 */
export function commitKey(record: GroupableRecord): string | null {
  if (record.commit === null) return null;
  return /^[0-9a-f]{40}$/i.test(record.commit)
    ? record.commit.toLowerCase()
    : `${record.project}@${record.commit}`;
}

/**
 * A group name for each record, in order: records of one commit, and records of which any text (vulnerable,
 * secure or human fix) equals or nearly equals a text of the other, directly or through a chain, share one.
 * A function and its fix are thus one text family, so that yesterday's fix never trains against today's flaw.
 * Names depend on the members alone, not on their order.
 */
export function groupRecords(records: readonly GroupableRecord[], nearThreshold = 0.8): string[] {
  const sets = new UnionFind(records.length);
  const firstByKey = new Map<string, number>();
  const join = (key: string, at: number): boolean => {
    const first = firstByKey.get(key);
    if (first === undefined) firstByKey.set(key, at);
    else sets.union(first, at);
    return first !== undefined;
  };
  const index = new NearDuplicateIndex(nearThreshold);
  const owners: number[] = [];
  records.forEach((record, at) => {
    const commit = commitKey(record);
    if (commit !== null) join(`commit:${commit}`, at);
    for (const text of textsOf(record)) {
      if (join(`text:${sha256Hex(normaliseText(text))}`, at)) continue;
      const { matches } = index.add(text);
      owners.push(at);
      for (const match of matches) sets.union(owners[match.index]!, at);
    }
  });
  const smallestId = new Map<number, string>();
  records.forEach((record, at) => {
    const root = sets.find(at);
    const known = smallestId.get(root);
    if (known === undefined || record.id < known) smallestId.set(root, record.id);
  });
  return records.map((_, at) => `group:${sha256Hex(smallestId.get(sets.find(at))!).slice(0, 16)}`);
}
