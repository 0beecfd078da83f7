import { InputError, type Rng } from '@srcode/core';
import type { Split } from '../schemas.js';
import { type GroupableRecord, groupRecords } from './group-records.js';

export interface AssignSplitsOptions {
  readonly rng: Rng;
  /** Shares of the records; any positive scale. Default 0.8 / 0.1 / 0.1. */
  readonly ratios?: Readonly<Record<Split, number>>;
  /** Jaccard similarity of lexical 5-grams, in [0.6, 1], from which texts belong together. Default 0.8. */
  readonly nearThreshold?: number;
}

const splits: readonly Split[] = ['train', 'validation', 'test'];

function checkRatios(ratios: Readonly<Record<Split, number>>): number {
  const total = splits.reduce((sum, split) => sum + ratios[split], 0);
  if (!(total > 0) || splits.some((split) => !(ratios[split] >= 0) || !Number.isFinite(ratios[split]))) {
    throw new InputError({
      code: 'DATASET_BAD_RATIOS',
      message: `Expected split ratios of at least 0 with a positive sum, got ${JSON.stringify(ratios)}.`,
      context: { ratios },
    });
  }
  return total;
}

/**
 * Copies of the records, in order, with `group` and `split` set so that no group crosses splits.
 *
 * Groups come from `groupRecords`. Large groups are placed first, each into the split that is furthest below
 * its share, so that ratios hold as closely as whole groups allow; equal sizes go in an order drawn from
 * `rng`. The outcome depends on the records and the seed, not on the records' order.
 *
 * @throws InputError when the ratios are negative or all zero.
 */
export function assignSplits<T extends GroupableRecord & { readonly group: string; readonly split: Split }>(
  records: readonly T[],
  options: AssignSplitsOptions,
): T[] {
  const ratios = options.ratios ?? { train: 0.8, validation: 0.1, test: 0.1 };
  const totalRatio = checkRatios(ratios);
  const groups = groupRecords(records, options.nearThreshold);
  const sizes = new Map<string, number>();
  for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  const order = options.rng
    .fork('splits')
    .shuffle([...sizes.keys()].sort())
    .sort((a, b) => sizes.get(b)! - sizes.get(a)!);
  const counts: Record<Split, number> = { train: 0, validation: 0, test: 0 };
  const chosen = new Map<string, Split>();
  const missing = (split: Split): number => (records.length * ratios[split]) / totalRatio - counts[split];
  for (const group of order) {
    const open = splits.filter((split) => ratios[split] > 0);
    const split = open.reduce((best, candidate) => (missing(candidate) > missing(best) ? candidate : best));
    chosen.set(group, split);
    counts[split] += sizes.get(group)!;
  }
  return records.map((record, at) => ({ ...record, group: groups[at]!, split: chosen.get(groups[at]!)! }));
}
