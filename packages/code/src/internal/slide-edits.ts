import type { DiffHunk, LexicalToken } from '../types.js';

/** A slide longer than this finds no better place; texts of one repeated token would make it quadratic. */
const MAX_SLIDE = 256;

const STATEMENT_END = new Set([';', '{', '}']);

/** How natural [start, end) is as an inserted block: it begins after a statement, ends one, and its brackets balance. */
function scorePlace(tokens: readonly LexicalToken[], start: number, end: number): number {
  const before = tokens[start - 1]?.text;
  const last = tokens[end - 1]!.text;
  const first = tokens[start]!.text;
  let score = 0;
  if (before === undefined || STATEMENT_END.has(before)) score += 2;
  if (STATEMENT_END.has(last)) score += 1;
  if (first !== '}' && first !== ')' && first !== ';' && first !== ']') score += 1;
  if (first === ',' || first === '&&' || first === '||') score += 0.5;
  if (isBalanced(tokens, start, end)) score += 4;
  return score;
}

function isBalanced(tokens: readonly LexicalToken[], start: number, end: number): boolean {
  let depth = 0;
  for (let i = start; i < end; i++) {
    const text = tokens[i]!.text;
    if (text === '(' || text === '{' || text === '[') depth++;
    else if (text === ')' || text === '}' || text === ']') {
      if (depth === 0) return false;
      depth--;
    }
  }
  return depth === 0;
}

/**
 * Best start for a one-sided edit [start, end) that may move within [low, high); the rightmost of equals.
 * Moving by one keeps both texts when the token left behind equals the token taken in.
 */
function bestStart(
  tokens: readonly LexicalToken[],
  start: number,
  end: number,
  low: number,
  high: number,
): number {
  const length = end - start;
  let first = start;
  while (
    first > low &&
    start - first < MAX_SLIDE &&
    tokens[first - 1]!.text === tokens[first + length - 1]!.text
  )
    first--;
  let last = start;
  while (
    last + length < high &&
    last - start < MAX_SLIDE &&
    tokens[last]!.text === tokens[last + length]!.text
  )
    last++;
  if (first === last || length > MAX_SLIDE * 16) return start;
  let best = last;
  let bestScore = -1;
  for (let at = last; at >= first; at--) {
    const score = scorePlace(tokens, at, at + length);
    if (score > bestScore) {
      bestScore = score;
      best = at;
    }
  }
  return best;
}

/** Moves pure insertions and deletions to their most natural place between their neighbours. */
export function slideEdits(
  a: readonly LexicalToken[],
  b: readonly LexicalToken[],
  hunks: readonly DiffHunk[],
): DiffHunk[] {
  const out: DiffHunk[] = [];
  for (const [i, hunk] of hunks.entries()) {
    const previous = out.at(-1);
    const next = hunks[i + 1];
    // One unchanged token stays on either side of a neighbour, so that hunks never touch.
    if (hunk.vulnerableStart === hunk.vulnerableEnd) {
      const low = previous ? previous.secureEnd + 1 : 0;
      const high = next ? next.secureStart - 1 : b.length;
      const moved = bestStart(b, hunk.secureStart, hunk.secureEnd, low, high) - hunk.secureStart;
      out.push(shift(hunk, moved));
    } else if (hunk.secureStart === hunk.secureEnd) {
      const low = previous ? previous.vulnerableEnd + 1 : 0;
      const high = next ? next.vulnerableStart - 1 : a.length;
      const moved = bestStart(a, hunk.vulnerableStart, hunk.vulnerableEnd, low, high) - hunk.vulnerableStart;
      out.push(shift(hunk, moved));
    } else out.push(hunk);
  }
  return out;
}

function shift(hunk: DiffHunk, by: number): DiffHunk {
  return {
    vulnerableStart: hunk.vulnerableStart + by,
    vulnerableEnd: hunk.vulnerableEnd + by,
    secureStart: hunk.secureStart + by,
    secureEnd: hunk.secureEnd + by,
  };
}
