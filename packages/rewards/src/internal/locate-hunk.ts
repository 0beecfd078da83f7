import type { PreparedPair, RewardHunk } from '../build-hunks.js';
import type { IndexedAnswer, PairIndex } from './index-answer.js';
import { tokenWeight } from './token-weight.js';

/** Where in the answer a hunk is looked for. */
export interface Window {
  readonly low: number;
  readonly high: number;
}

interface Hit {
  readonly at: number;
  readonly weight: number;
}

/** A run of three tokens that stands in more places than this is no landmark. */
const MAX_OCCURRENCES = 24;
const SEED_LENGTH = 3;
/** When the whole-answer alignment places less than this share of a hunk's surroundings, landmarks are asked too. */
const ENOUGH_ALIGNED = 0.5;

/** Positions of all runs of three known tokens of an answer, built when first needed. */
export class SeedIndex {
  readonly #answer: IndexedAnswer;
  #positions: Map<string, number[]> | undefined;

  constructor(answer: IndexedAnswer) {
    this.#answer = answer;
  }

  find(ids: Int32Array, start: number): readonly number[] {
    this.#positions ??= this.#build();
    return this.#positions.get(seedKey(ids, start)) ?? [];
  }

  #build(): Map<string, number[]> {
    const positions = new Map<string, number[]>();
    const { ids } = this.#answer;
    for (let i = 0; i + SEED_LENGTH <= ids.length; i++) {
      if (ids[i] === -1 || ids[i + 1] === -1 || ids[i + 2] === -1) continue;
      const key = seedKey(ids, i);
      const list = positions.get(key);
      if (!list) positions.set(key, [i]);
      else if (list.length <= MAX_OCCURRENCES) list.push(i);
    }
    return positions;
  }
}

function seedKey(ids: Int32Array, start: number): string {
  return `${ids[start]},${ids[start + 1]},${ids[start + 2]}`;
}

/** The stretch of the answer where most of a hunk's surroundings and bodies lie; null when nothing of it is there. */
export function locateHunk(
  prepared: PreparedPair,
  pair: PairIndex,
  answer: IndexedAnswer,
  seeds: SeedIndex,
  hunk: RewardHunk,
): Window | null {
  const before = hunk.before.length;
  const after = hunk.after.length;
  const secure = { start: hunk.secureStart - before, end: hunk.secureEnd + after };
  const vulnerable = { start: hunk.vulnerableStart - before, end: hunk.vulnerableEnd + after };
  const hits: Hit[] = [];
  let possible = 0;
  let found = 0;
  for (const [range, at, tokens] of [
    [secure, answer.atSecure, prepared.secureTokens],
    [vulnerable, answer.atVulnerable, prepared.vulnerableTokens],
  ] as const) {
    for (let i = range.start; i < range.end; i++) {
      const weight = tokenWeight(tokens[i]!);
      possible += weight;
      if (at[i] === -1) continue;
      found += weight;
      hits.push({ at: at[i]!, weight });
    }
  }
  if (found < ENOUGH_ALIGNED * possible) {
    addSeedHits(hits, seeds, pair.secureIds, secure);
    addSeedHits(hits, seeds, pair.vulnerableIds, vulnerable);
  }
  const longest = Math.max(secure.end - secure.start, vulnerable.end - vulnerable.start);
  return densestWindow(hits, Math.ceil(longest * 1.25) + 8, 4 * (before + after) + 8, answer.tokens.length);
}

function addSeedHits(
  hits: Hit[],
  seeds: SeedIndex,
  ids: Int32Array,
  range: { readonly start: number; readonly end: number },
): void {
  for (let i = range.start; i + SEED_LENGTH <= range.end; i++) {
    const positions = seeds.find(ids, i);
    if (positions.length > MAX_OCCURRENCES) continue;
    for (const at of positions) hits.push({ at: at + 1, weight: 1 / positions.length });
  }
}

/** The window of `size` tokens with the most hits, the first of equals, widened by `slack` on both sides. */
function densestWindow(hits: Hit[], size: number, slack: number, length: number): Window | null {
  if (hits.length === 0) return null;
  hits.sort((a, b) => a.at - b.at);
  let best = { weight: -1, low: 0, high: 0 };
  let weight = 0;
  for (let end = 0, start = 0; end < hits.length; end++) {
    weight += hits[end]!.weight;
    while (hits[end]!.at - hits[start]!.at >= size) weight -= hits[start++]!.weight;
    if (weight > best.weight + 1e-9) best = { weight, low: hits[start]!.at, high: hits[end]!.at + 1 };
  }
  return { low: Math.max(0, best.low - slack), high: Math.min(length, best.high + slack) };
}
