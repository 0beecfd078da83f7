import { sha256Hex } from '@srcode/core';
import { lexTokens, normaliseText, tokenOverlap } from '../internal/lexical-text.js';
import { NearDuplicateIndex } from '../internal/near-duplicate-index.js';

/** What deduplication looks at; `VulnerableFunction` and `PrimeVulPlusRecord` both fit. */
export interface DedupRecord {
  readonly id: string;
  readonly vulnerable: string;
  readonly humanFix: string | null;
  readonly secure?: string;
}

export interface DeduplicateOptions {
  /** Jaccard similarity of lexical 5-grams, in [0.6, 1], from which two texts are near-duplicates. Default 0.9. */
  readonly nearThreshold?: number;
  /** Drop near-duplicates too, not only exact ones. Default true. */
  readonly near?: boolean;
}

export interface DroppedRecord {
  readonly id: string;
  /** The record kept in its place. */
  readonly duplicateOf: string;
  readonly reason: 'exact' | 'near';
  readonly similarity: number;
}

export interface DeduplicateResult<T> {
  readonly kept: T[];
  readonly dropped: readonly DroppedRecord[];
}

/** Changes that overlap at least this much are the same change; our choice, between unrelated (≈ 0) and equal (1). */
const SAME_CHANGE_OVERLAP = 0.5;

/** Tokens that the fix takes away and adds, as multisets, marked by side. */
function changedTokens(record: DedupRecord): string[] {
  const counts = new Map<string, number>();
  for (const token of lexTokens(record.vulnerable)) counts.set(token, (counts.get(token) ?? 0) + 1);
  for (const token of lexTokens(record.secure ?? record.humanFix ?? ''))
    counts.set(token, (counts.get(token) ?? 0) - 1);
  const changed: string[] = [];
  for (const [token, count] of counts) {
    for (let i = 0; i < Math.abs(count); i++) changed.push(`${count > 0 ? '-' : '+'}${token}`);
  }
  return changed;
}

const fixOf = (record: DedupRecord): string | null => record.secure ?? record.humanFix;

/** Whether two records of near-equal vulnerable code also make near-equal changes; unknown fixes count as equal. */
function sameChange(a: DedupRecord, b: DedupRecord): boolean {
  if (fixOf(a) === null || fixOf(b) === null) return true;
  return tokenOverlap(changedTokens(a), changedTokens(b)) >= SAME_CHANGE_OVERLAP;
}

/**
 * The records without duplicates, first come first kept, and what was dropped in favour of what.
 *
 * Exact: vulnerable texts equal up to comments and layout, and fixes too (or one fix unknown). Near: Jaccard
 * similarity ≥ `nearThreshold` *and* the same change. One function repaired twice for different flaws is
 * therefore kept twice; `assignSplits` still puts both into one group. Of exact duplicates the first with a
 * fix is kept. Near-linear in the number of records.
 */
export function deduplicate<T extends DedupRecord>(
  records: Iterable<T>,
  options: DeduplicateOptions = {},
): DeduplicateResult<T> {
  const kept: (T | null)[] = [];
  const dropped: DroppedRecord[] = [];
  const byText = new Map<string, number[]>();
  const index = new NearDuplicateIndex(options.nearThreshold ?? 0.9);
  /** Index number of a text → position in `kept`. */
  const positions: number[] = [];
  const near = options.near ?? true;
  for (const record of records) {
    const key = sha256Hex(normaliseText(record.vulnerable));
    const twins = byText.get(key) ?? [];
    const twin = twins.find((at) => sameChange(kept[at]!, record));
    if (twin !== undefined) {
      const earlier = kept[twin]!;
      const replaces = fixOf(earlier) === null && fixOf(record) !== null;
      if (replaces) kept[twin] = record;
      const [winner, loser] = replaces ? [record, earlier] : [earlier, record];
      dropped.push({ id: loser.id, duplicateOf: winner.id, reason: 'exact', similarity: 1 });
      continue;
    }
    if (near) {
      const { matches } = index.add(record.vulnerable);
      positions.push(kept.length);
      const match = matches.find(({ index: other }) => {
        const at = positions[other]!;
        return at !== -1 && sameChange(kept[at]!, record);
      });
      if (match) {
        positions[positions.length - 1] = -1;
        const winner = kept[positions[match.index]!]!;
        dropped.push({ id: record.id, duplicateOf: winner.id, reason: 'near', similarity: match.similarity });
        continue;
      }
    }
    byText.set(key, [...twins, kept.length]);
    kept.push(record);
  }
  return { kept: kept as T[], dropped };
}
