import { InputError } from '@srcode/core';
import { structuralTexts } from './hash-code.js';
import { type LexTokensOptions, lexTokens } from './lex-tokens.js';

const DEFAULT_SHINGLE_SIZE = 5;

export interface ShinglesOptions extends LexTokensOptions {
  /** Tokens per shingle. Default 5. */
  readonly size?: number;
  /** Number identifiers by first appearance in each shingle, so that renamed copies are found. Default false. */
  readonly structural?: boolean;
}

/**
 * The set of 32-bit hashes of all runs of `size` lexical tokens in code; a shorter text is one shingle of what it has.
 *
 * @throws SourceTooLargeError
 */
export function codeShingles(source: string, options: ShinglesOptions = {}): Set<number> {
  const size = options.size ?? DEFAULT_SHINGLE_SIZE;
  const tokens = lexTokens(source, options);
  if (!options.structural)
    return shingles(
      tokens.map((token) => token.text),
      size,
    );
  const out = new Set<number>();
  for (let i = 0; i + size <= Math.max(tokens.length, size); i++)
    out.add(hashRun(structuralTexts(tokens.slice(i, i + size)), 0, size));
  return out;
}

/** The set of 32-bit hashes of all runs of `size` words; letters in lower case, punctuation dropped. For prompts. */
export function textShingles(text: string, size = 3): Set<number> {
  return shingles(text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? [], size);
}

/** The set of 32-bit hashes of all runs of `size` items; fewer items make one shingle, none make none. */
export function shingles(items: readonly string[], size = DEFAULT_SHINGLE_SIZE): Set<number> {
  if (!Number.isInteger(size) || size < 1)
    throw new InputError({
      code: 'CODE_SHINGLE_SIZE',
      message: `Expected a shingle size that is a whole number of at least 1, got ${size}.`,
    });
  const out = new Set<number>();
  if (items.length === 0) return out;
  for (let i = 0; i + size <= Math.max(items.length, size); i++) out.add(hashRun(items, i, size));
  return out;
}

/** FNV-1a over UTF-16 code units, items kept apart. */
function hashRun(items: readonly string[], start: number, size: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < Math.min(items.length, start + size); i++) {
    const item = items[i]!;
    for (let j = 0; j < item.length; j++) hash = Math.imul(hash ^ item.charCodeAt(j), 0x01000193);
    hash = Math.imul(hash ^ 0xffff, 0x01000193);
  }
  return hash >>> 0;
}

/** |A ∩ B| / |A ∪ B| in [0, 1]; 1 for two empty sets. */
export function jaccardSimilarity(a: ReadonlySet<number>, b: ReadonlySet<number>): number {
  const [small, large] = a.size <= b.size ? [a, b] : [b, a];
  if (large.size === 0) return 1;
  let shared = 0;
  for (const item of small) if (large.has(item)) shared++;
  return shared / (a.size + b.size - shared);
}

/** MinHash signature [hashes] uint32; the share of equal places estimates the Jaccard similarity. */
export function minHash(items: ReadonlySet<number>, hashes = 64): Uint32Array {
  const signature = new Uint32Array(hashes).fill(0xffffffff);
  for (const item of items) {
    for (let i = 0; i < hashes; i++) {
      const value = mix(item ^ Math.imul(i + 1, 0x9e3779b1));
      if (value < signature[i]!) signature[i] = value;
    }
  }
  return signature;
}

/** The finaliser of MurmurHash3: every input bit changes half of the output bits. */
function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

export interface FindNearDuplicatesOptions {
  /** Jaccard similarity from which two items are duplicates. Default 0.8. */
  readonly threshold?: number;
}

/**
 * Groups of near-duplicates: for each item the index of the first item of its group (its own when alone).
 *
 * Candidates share one band of two MinHash values and are then compared exactly by Jaccard similarity; with 64 hashes a
 * pair at the default threshold 0.8 is missed with probability (1 − 0.8²)³² < 1e-14. Grouping is transitive, and the same
 * for every order of equal input.
 */
export function groupNearDuplicates(
  items: readonly ReadonlySet<number>[],
  options: FindNearDuplicatesOptions = {},
): Int32Array {
  const threshold = options.threshold ?? 0.8;
  const parent = Int32Array.from(items, (_, i) => i);
  const find = (i: number): number => {
    let root = i;
    while (parent[root] !== root) root = parent[root]!;
    for (let at = i; at !== root; ) {
      const next = parent[at]!;
      parent[at] = root;
      at = next;
    }
    return root;
  };
  const buckets = new Map<string, number[]>();
  for (const [index, item] of items.entries()) {
    const signature = minHash(item);
    const compared = new Set<number>();
    for (let band = 0; band < signature.length; band += 2) {
      const key = `${band}:${signature[band]}:${signature[band + 1]}`;
      const bucket = buckets.get(key);
      if (!bucket) {
        buckets.set(key, [index]);
        continue;
      }
      for (const other of bucket) {
        const [a, b] = [find(other), find(index)];
        if (a === b || compared.has(other)) continue;
        compared.add(other);
        if (jaccardSimilarity(items[other]!, item) >= threshold) parent[Math.max(a, b)] = Math.min(a, b);
      }
      bucket.push(index);
    }
  }
  return Int32Array.from(items, (_, i) => find(i));
}
