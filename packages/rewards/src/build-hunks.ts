import { type DiffHunk, diffTokens, type LexicalToken, lexTokens } from '@srcode/code';
import { tokenWeight } from './internal/token-weight.js';
import { type ResolvedRewardOptions, type RewardOptions, resolveRewardOptions } from './options.js';
import type { RewardPair } from './types.js';

/** One place where a pair differs, with what stands around it. Token indices, ends exclusive. */
export interface RewardHunk {
  /** Position among the hunks of the pair, from 0. */
  readonly index: number;
  /** w_h, Σ over the pair's hunks = 1. */
  readonly weight: number;
  /** Unchanged tokens before and after, equal on both sides, at most `contextTokens` each. */
  readonly before: readonly LexicalToken[];
  readonly after: readonly LexicalToken[];
  /** The differing stretch of each side; where neighbouring differences merged, unchanged tokens lie in it. */
  readonly vulnerable: readonly LexicalToken[];
  readonly secure: readonly LexicalToken[];
  /** The differences themselves, at least one, in order. */
  readonly edits: readonly DiffHunk[];
  readonly vulnerableStart: number;
  readonly vulnerableEnd: number;
  readonly secureStart: number;
  readonly secureEnd: number;
}

/** A pair cut into tokens and hunks, ready to score answers. */
export interface PreparedPair {
  readonly vulnerableTokens: readonly LexicalToken[];
  readonly secureTokens: readonly LexicalToken[];
  readonly hunks: readonly RewardHunk[];
}

/**
 * The hunks of a pair: where its two sides differ in lexical tokens, neighbours closer than `contextTokens` merged.
 * Empty when the sides differ in whitespace and comments alone.
 *
 * @throws SourceTooLargeError when a side is longer than 2 Mi characters; RewardInputError on bad options
 */
export function buildHunks(pair: RewardPair, options: RewardOptions = {}): readonly RewardHunk[] {
  return preparePair(pair, resolveRewardOptions(options)).hunks;
}

/** Tokens and hunks of a pair. */
export function preparePair(pair: RewardPair, options: ResolvedRewardOptions): PreparedPair {
  const vulnerableTokens = lexTokens(pair.vulnerable);
  const secureTokens = lexTokens(pair.secure);
  const groups = mergeNeighbours(diffTokens(vulnerableTokens, secureTokens), options.contextTokens);
  const sizes = groups.map((edits) =>
    options.hunkWeights === 'uniform' ? 1 : Math.sqrt(editSize(edits, vulnerableTokens, secureTokens)),
  );
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const hunks = groups.map((edits, index): RewardHunk => {
    const first = edits[0]!;
    const last = edits.at(-1)!;
    const { vulnerableStart, secureStart } = first;
    const { vulnerableEnd, secureEnd } = last;
    // Merging guarantees that this many tokens around a hunk are unchanged, save at the ends of the text.
    const c = options.contextTokens;
    return {
      index,
      weight: sizes[index]! / total,
      before: vulnerableTokens.slice(Math.max(0, vulnerableStart - c), vulnerableStart),
      after: vulnerableTokens.slice(vulnerableEnd, vulnerableEnd + c),
      vulnerable: vulnerableTokens.slice(vulnerableStart, vulnerableEnd),
      secure: secureTokens.slice(secureStart, secureEnd),
      edits,
      vulnerableStart,
      vulnerableEnd,
      secureStart,
      secureEnd,
    };
  });
  return { vulnerableTokens, secureTokens, hunks };
}

function mergeNeighbours(hunks: readonly DiffHunk[], distance: number): DiffHunk[][] {
  const groups: DiffHunk[][] = [];
  for (const hunk of hunks) {
    const last = groups.at(-1)?.at(-1);
    if (last && hunk.vulnerableStart - last.vulnerableEnd < distance) groups.at(-1)!.push(hunk);
    else groups.push([hunk]);
  }
  return groups;
}

function editSize(
  edits: readonly DiffHunk[],
  vulnerable: readonly LexicalToken[],
  secure: readonly LexicalToken[],
): number {
  let size = 0;
  for (const edit of edits) {
    for (let i = edit.vulnerableStart; i < edit.vulnerableEnd; i++) size += tokenWeight(vulnerable[i]!);
    for (let i = edit.secureStart; i < edit.secureEnd; i++) size += tokenWeight(secure[i]!);
  }
  return size;
}

const preparedByPair = new WeakMap<RewardPair, Map<string, PreparedPair>>();

/** As `preparePair`, remembered for as long as the pair object lives: a trainer scores many answers to one pair. */
export function preparePairOnce(pair: RewardPair, options: ResolvedRewardOptions): PreparedPair {
  const key = `${options.contextTokens}:${options.hunkWeights}`;
  const byOptions = preparedByPair.get(pair) ?? new Map<string, PreparedPair>();
  preparedByPair.set(pair, byOptions);
  const known = byOptions.get(key);
  if (known) return known;
  const prepared = preparePair(pair, options);
  byOptions.set(key, prepared);
  return prepared;
}
