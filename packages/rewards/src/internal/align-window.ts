import { diffSequences } from '@srcode/code';

/** A pattern or text as numbers; arrays run in parallel over its tokens. */
export interface PatternTokens {
  /** Number of the token's text among the pair's texts. */
  readonly ids: Int32Array;
  readonly weights: Float64Array;
  /** Not 0 for a name or type of one side alone, for which an unknown one of the same kind may stand. */
  readonly wild: Uint8Array;
  /** Per place before token i, for i in [0, tokens]: 1 where answer tokens are likely to come in between, at an edit. */
  readonly open: Uint8Array;
}

export interface AnswerTokens {
  /** Number of the pair's text that the token equals, or is renamed from; −1 for neither. */
  readonly ids: Int32Array;
  /** What an equal id is worth: 1 exact, less when renamed. */
  readonly quality: Float64Array;
  readonly weights: Float64Array;
  /** Not 0, by kind, for a name or type that the pair does not have and that is not a renamed one. */
  readonly wild: Uint8Array;
}

/** Per pattern token: index of the answer token it is aligned to, or −1, and the quality of that match. */
export interface Alignment {
  readonly at: Int32Array;
  readonly quality: Float64Array;
}

/** Worth of an unknown name or type in place of one that only one side of the pair has. */
export const WILD_QUALITY = 0.5;
/** Cost of an answer token, per unit of weight, that lies between aligned ones. */
const GAP_COST = 0.05;
/** The same at an edit, so that what was added there is not read as added a token earlier or later. */
const OPEN_GAP_COST = 0.03;
/** Above this many cells the alignment is Myers' instead, to stay near-linear. */
const MAX_CELLS = 1 << 21;

/**
 * The best placement of a whole pattern in answer[low, high): Σ weight · quality of aligned tokens − 0.05 (0.03 at edits) · weight of
 * answer tokens between them; answer tokens before and after are free, pattern tokens may stay unaligned.
 */
export function alignWindow(
  pattern: PatternTokens,
  answer: AnswerTokens,
  low: number,
  high: number,
): Alignment {
  const rows = pattern.ids.length;
  const columns = Math.max(0, high - low);
  if (rows * columns > MAX_CELLS) return alignLarge(pattern, answer, low, high);
  const stride = columns + 1;
  const moves = new Uint8Array((rows + 1) * stride);
  let previous = new Float64Array(stride);
  let current = new Float64Array(stride);
  for (let i = 1; i <= rows; i++) {
    const id = pattern.ids[i - 1]!;
    const weight = pattern.weights[i - 1]!;
    const wild = pattern.wild[i - 1]!;
    const gapCost = i === rows ? 0 : pattern.open[i] === 1 ? OPEN_GAP_COST : GAP_COST;
    current[0] = 0;
    moves[i * stride] = 2;
    for (let j = 1; j <= columns; j++) {
      const at = low + j - 1;
      let best = previous[j]!;
      let move = 2;
      const skipped = current[j - 1]! - gapCost * answer.weights[at]!;
      if (skipped > best) {
        best = skipped;
        move = 3;
      }
      let quality = 0;
      if (answer.ids[at] === id) quality = answer.quality[at]!;
      else if (wild !== 0 && answer.wild[at] === wild) quality = WILD_QUALITY;
      if (quality > 0) {
        const matched = previous[j - 1]! + weight * quality;
        if (matched >= best) {
          best = matched;
          move = 1;
        }
      }
      current[j] = best;
      moves[i * stride + j] = move;
    }
    [previous, current] = [current, previous];
  }
  return traceBack(pattern, answer, low, moves, stride, bestColumn(previous));
}

function bestColumn(scores: Float64Array): number {
  let best = 0;
  for (let j = 1; j < scores.length; j++) if (scores[j]! > scores[best]! + 1e-12) best = j;
  return best;
}

function traceBack(
  pattern: PatternTokens,
  answer: AnswerTokens,
  low: number,
  moves: Uint8Array,
  stride: number,
  lastColumn: number,
): Alignment {
  const rows = pattern.ids.length;
  const at = new Int32Array(rows).fill(-1);
  const quality = new Float64Array(rows);
  for (let i = rows, j = lastColumn; i > 0; ) {
    const move = moves[i * stride + j]!;
    if (move === 1) {
      const index = low + j - 1;
      at[i - 1] = index;
      quality[i - 1] = answer.ids[index] === pattern.ids[i - 1] ? answer.quality[index]! : WILD_QUALITY;
      i--;
      j--;
    } else if (move === 2) i--;
    else j--;
  }
  return { at, quality };
}

function alignLarge(pattern: PatternTokens, answer: AnswerTokens, low: number, high: number): Alignment {
  const at = matchSequences(pattern.ids, answer.ids.subarray(low, high));
  const quality = new Float64Array(at.length);
  for (let i = 0; i < at.length; i++) {
    if (at[i] === -1) continue;
    at[i] = at[i]! + low;
    quality[i] = answer.quality[at[i]!]!;
  }
  return { at, quality };
}

/** Per element of `a`: the index in `b` that a shortest edit script keeps it at, or −1. */
export function matchSequences(a: Int32Array, b: Int32Array): Int32Array {
  const at = new Int32Array(a.length).fill(-1);
  let i = 0;
  let j = 0;
  const keep = (until: number): void => {
    while (i < until) at[i++] = j++;
  };
  for (const hunk of diffSequences(a, b)) {
    keep(hunk.vulnerableStart);
    i = hunk.vulnerableEnd;
    j = hunk.secureEnd;
  }
  keep(a.length);
  return at;
}
