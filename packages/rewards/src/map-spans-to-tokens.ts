import { RewardInputError } from './errors.js';

/** A stretch of text and the mass that lies on it. */
export interface MassSpan {
  /** [start, end) in the text, UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  readonly value: number;
}

export type TokenOffsets = readonly (readonly [number, number])[];

/** Throws `RewardInputError` unless offsets are spans whose non-empty ones do not go backwards. */
export function assertTokenOffsets(offsets: TokenOffsets, textLength = Number.POSITIVE_INFINITY): void {
  let previous = 0;
  for (const [index, [start, end]] of offsets.entries()) {
    const bad =
      !Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end < start || end > textLength;
    if (bad || (end > start && start < previous)) {
      throw new RewardInputError({
        code: 'REWARDS_BAD_OFFSETS',
        message: `Expected token offsets as non-decreasing spans [start, end) within a text of ${textLength} characters, got [${start}, ${end}] for token ${index}${end > start && start < previous ? ` after a token that starts at ${previous}` : ''}. Pass the offsets of the very tokens that were sampled, in UTF-16 code units.`,
        context: { index, start, end, textLength },
      });
    }
    if (end > start) previous = start;
  }
}

/**
 * Mass per model token: each span's value is shared among the tokens it overlaps, by overlapping characters.
 *
 * Returns [tokens] float32 whose sum equals Σ span values to 1e-6, whatever the tokenizer: tokens with an empty span
 * (specials) get nothing while others exist, several tokens that spell one character share it, and a span that no token
 * covers goes to the nearest token. With no tokens the result is empty and the mass is lost.
 *
 * @throws RewardInputError when offsets go backwards or are not spans
 */
export function mapSpansToTokens(spans: readonly MassSpan[], offsets: TokenOffsets): Float32Array {
  assertTokenOffsets(offsets);
  const sums = new Float64Array(offsets.length);
  const solid: number[] = [];
  for (let i = 0; i < offsets.length; i++) if (offsets[i]![1] > offsets[i]![0]) solid.push(i);
  const furthestEnd = runningMaximumOfEnds(solid, offsets);
  let total = 0;
  for (const span of spans) {
    if (offsets.length === 0) break;
    total += span.value;
    shareSpan(span, offsets, solid, furthestEnd, sums);
  }
  return roundPreservingSum(sums, total);
}

/** For each non-empty token, the largest end up to it: tokens may overlap where several spell one character. */
function runningMaximumOfEnds(solid: readonly number[], offsets: TokenOffsets): number[] {
  let furthest = 0;
  return solid.map((index) => {
    furthest = Math.max(furthest, offsets[index]![1]);
    return furthest;
  });
}

/** Index of the first place whose value exceeds `limit`, in a non-decreasing list. */
function firstAbove(values: readonly number[], limit: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}

function shareSpan(
  span: MassSpan,
  offsets: TokenOffsets,
  solid: readonly number[],
  furthestEnd: readonly number[],
  sums: Float64Array,
): void {
  const first = firstAbove(furthestEnd, span.start);
  let overlapTotal = 0;
  let last = first;
  for (; last < solid.length && offsets[solid[last]!]![0] < span.end; last++)
    overlapTotal += overlap(span, offsets[solid[last]!]!);
  if (overlapTotal === 0) {
    const nearest = solid[Math.min(first, solid.length - 1)] ?? offsets.length - 1;
    sums[nearest] = sums[nearest]! + span.value;
    return;
  }
  for (let i = first; i < last; i++) {
    const index = solid[i]!;
    sums[index] = sums[index]! + (span.value * overlap(span, offsets[index]!)) / overlapTotal;
  }
}

function overlap(span: MassSpan, [start, end]: readonly [number, number]): number {
  return Math.max(0, Math.min(span.end, end) - Math.max(span.start, start));
}

/** Float32 copy whose float64 sum is `total` as nearly as float32 allows; the last non-zero value takes the remainder. */
export function roundPreservingSum(sums: Float64Array, total: number): Float32Array {
  const values = Float32Array.from(sums);
  let last = -1;
  let rounded = 0;
  for (let i = 0; i < values.length; i++) {
    rounded += values[i]!;
    if (values[i] !== 0) last = i;
  }
  if (last !== -1) values[last] = values[last]! + (total - rounded);
  return values;
}
