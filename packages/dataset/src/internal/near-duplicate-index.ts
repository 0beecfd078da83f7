import { Rng } from '@srcode/core';
import { lexTokens } from './lexical-text.js';

/** Tokens per shingle: long enough that idioms (`if (!p) return -1;`) are no match, short enough for 5-line functions. */
const SHINGLE = 5;
/** 32 bands of 4 rows find a pair of Jaccard 0.8 with probability 1 − 5e-8 and one of 0.6 with 0.99. */
const BANDS = 32;
const ROWS = 4;
const HASHES = BANDS * ROWS;
/**
 * A text is compared with at most this many others per bucket, or thousands of copies of one text would
 * cost quadratic time. Copies still find the first of them; a text that meets full buckets of strangers in
 * all 32 bands would be missed.
 */
const MAX_BUCKET = 24;

function hashWord(word: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Sorted, distinct 32-bit hashes of the text's token 5-grams; of its whole token list when it is shorter. */
export function shingleHashes(text: string): Uint32Array {
  const tokens = lexTokens(text).map(hashWord);
  const count = Math.max(1, tokens.length - SHINGLE + 1);
  const hashes = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    let hash = 17;
    for (let j = i; j < Math.min(i + SHINGLE, tokens.length); j++)
      hash = mix(Math.imul(hash, 31) + tokens[j]!);
    hashes[i] = hash;
  }
  hashes.sort();
  let distinct = 0;
  for (let i = 0; i < count; i++) {
    if (i === 0 || hashes[i] !== hashes[i - 1]) hashes[distinct++] = hashes[i]!;
  }
  return hashes.slice(0, distinct);
}

/** Exact Jaccard similarity in [0, 1] of two sorted sets of hashes. */
export function jaccard(a: Uint32Array, b: Uint32Array): number {
  let [i, j, shared] = [0, 0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      shared++;
      i++;
      j++;
    } else if (a[i]! < b[j]!) i++;
    else j++;
  }
  const union = a.length + b.length - shared;
  return union === 0 ? 1 : shared / union;
}

/**
 * Finds earlier texts of Jaccard similarity ≥ `threshold` over lexical 5-grams: MinHash signatures in
 * locality-sensitive buckets (Broder 1997; Indyk and Motwani 1998), each candidate then compared exactly.
 * Near-linear in the number of texts. Candidates below about 0.6 may be missed, so thresholds start there.
 */
export class NearDuplicateIndex {
  readonly #threshold: number;
  readonly #multipliers: Uint32Array;
  readonly #offsets: Uint32Array;
  readonly #buckets: Map<string, number[]>[] = Array.from({ length: BANDS }, () => new Map());
  readonly #sets: Uint32Array[] = [];

  constructor(threshold: number, rng: Rng = Rng.fromSeed('near-duplicate-index')) {
    this.#threshold = threshold;
    this.#multipliers = Uint32Array.from({ length: HASHES }, () => rng.nextUint32() | 1);
    this.#offsets = Uint32Array.from({ length: HASHES }, () => rng.nextUint32());
  }

  #signature(set: Uint32Array): Uint32Array {
    const signature = new Uint32Array(HASHES).fill(0xffffffff);
    for (const shingle of set) {
      for (let k = 0; k < HASHES; k++) {
        const value = mix(Math.imul(shingle, this.#multipliers[k]!) + this.#offsets[k]!);
        if (value < signature[k]!) signature[k] = value;
      }
    }
    return signature;
  }

  /** Adds a text and returns its number (0, 1, …) with the earlier texts it resembles. */
  add(text: string): {
    readonly index: number;
    readonly matches: readonly { index: number; similarity: number }[];
  } {
    const set = shingleHashes(text);
    const index = this.#sets.push(set) - 1;
    const signature = this.#signature(set);
    const seen = new Set<number>();
    const matches: { index: number; similarity: number }[] = [];
    for (let band = 0; band < BANDS; band++) {
      const key = signature.subarray(band * ROWS, (band + 1) * ROWS).join(',');
      const buckets = this.#buckets[band]!;
      const bucket = buckets.get(key);
      if (!bucket) {
        buckets.set(key, [index]);
        continue;
      }
      for (const other of bucket) {
        if (seen.has(other)) continue;
        seen.add(other);
        const similarity = jaccard(set, this.#sets[other]!);
        if (similarity >= this.#threshold) matches.push({ index: other, similarity });
      }
      if (bucket.length < MAX_BUCKET) bucket.push(index);
    }
    return { index, matches };
  }
}
