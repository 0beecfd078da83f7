import type { LexicalToken } from '@srcode/code';
import type { PreparedPair, RewardHunk } from '../build-hunks.js';
import { type Alignment, alignWindow, type PatternTokens, WILD_QUALITY } from './align-window.js';
import type { IndexedAnswer, PairIndex } from './index-answer.js';
import type { Window } from './locate-hunk.js';
import { tokenWeight, wildKind } from './token-weight.js';

/** Context counts less with every token between it and the nearest difference. */
const CONTEXT_DECAY = 0.9;
/**
 * The alignment sees this many times the context of the hunk, as far as its neighbours, so that code which repeats itself
 * around the hunk is not taken for the hunk's own place.
 */
const CONTEXT_REACH = 3;
/** Answer tokens in the place that no side explains lower a score to 1 / (1 + 0.5) at most. */
const EXTRA_PENALTY = 0.5;
/** Absence is evidence only where this share of the context on both sides of the place is found. */
const MIN_ABSENCE_CONTEXT = 0.6;
/** … and where one of this many tokens after the place is found. */
const ABSENCE_REACH = 4;

export interface SideScore {
  /** Agreement with this side's version, in [0, 1]. */
  readonly score: number;
  /** Indices of answer tokens that carry the evidence, each once. */
  readonly evidence: readonly number[];
  /** True when all of the evidence is absence. */
  readonly absenceOnly: boolean;
}

export interface HunkScores {
  readonly secure: SideScore;
  readonly vulnerable: SideScore;
  /** Share of the hunk's surroundings found in place, in [0, 1]. */
  readonly context: number;
}

/** One side of a hunk laid out as a pattern: before + body + after. */
interface SidePattern {
  readonly pattern: PatternTokens;
  /** Token weights that fall with the distance from the nearest edit. */
  readonly evidenceWeights: Float64Array;
  readonly tokens: readonly LexicalToken[];
  /** Per edit: span [start, end) of its tokens in the pattern; empty where this side has none. */
  readonly edits: readonly { readonly start: number; readonly end: number }[];
  /** 1 for tokens both sides have. */
  readonly common: Uint8Array;
}

/** What an alignment says about one edit of one side. */
interface EditMatch {
  readonly weight: number;
  readonly matched: number;
  readonly extra: number;
  readonly evidence: readonly number[];
  /** True when the places right before and after are found, so that absence means something. */
  readonly placed: boolean;
}

/** Scores both sides of a hunk against answer[window]. */
export function scoreSides(
  prepared: PreparedPair,
  pair: PairIndex,
  answer: IndexedAnswer,
  hunk: RewardHunk,
  window: Window,
): HunkScores {
  const secure = layOut(prepared, pair, hunk, 'secure');
  const vulnerable = layOut(prepared, pair, hunk, 'vulnerable');
  const alignedSecure = alignSide(secure, answer, window);
  const alignedVulnerable = alignSide(vulnerable, answer, window);
  const context = Math.max(contextShare(secure, alignedSecure), contextShare(vulnerable, alignedVulnerable));
  // The side whose version explains the answer better is trusted on where each edit lies: the other side cannot take
  // tokens that stand for common code, or lie elsewhere, as evidence of its own.
  const secureFit = fitOf(secure, alignedSecure, answer);
  const vulnerableFit = fitOf(vulnerable, alignedVulnerable, answer);
  const secureMatches = secure.edits.map((_, e) => {
    const place = vulnerableFit > secureFit ? placeOf(vulnerable, alignedVulnerable, e) : ANYWHERE;
    return matchEdit(secure, alignedSecure, answer, hunk, e, place);
  });
  const vulnerableMatches = vulnerable.edits.map((_, e) => {
    const place = secureFit > vulnerableFit ? placeOf(secure, alignedSecure, e) : ANYWHERE;
    return matchEdit(vulnerable, alignedVulnerable, answer, hunk, e, place);
  });
  return {
    secure: combine(secureMatches, vulnerableMatches, context),
    vulnerable: combine(vulnerableMatches, secureMatches, context),
    context,
  };
}

/** Answer tokens (after, until), both exclusive, between the unchanged tokens around an edit. */
interface Place {
  readonly after: number;
  readonly until: number;
}

const ANYWHERE: Place = { after: -1, until: Number.POSITIVE_INFINITY };

/** Dice overlap in [0, 1] of a side's version with the stretch of the answer that it spans, by token weight. */
function fitOf(side: SidePattern, alignment: Alignment, answer: IndexedAnswer): number {
  let explained = 0;
  let possible = 0;
  let first = -1;
  let last = -2;
  for (const [i, at] of alignment.at.entries()) {
    possible += side.pattern.weights[i]!;
    if (at === -1) continue;
    explained += side.pattern.weights[i]! * alignment.quality[i]!;
    if (first === -1) first = at;
    last = at;
  }
  for (let at = first; at <= last; at++) possible += answer.weights[at]!;
  return possible === 0 ? 0 : (2 * explained) / possible;
}

/** Pattern indices of the nearest aligned unchanged tokens before and after an edit; −1 and length for none. */
function neighbours(side: SidePattern, alignment: Alignment, e: number): { left: number; right: number } {
  const { start, end } = side.edits[e]!;
  let left = start - 1;
  while (left >= 0 && (alignment.at[left] === -1 || side.common[left] === 0)) left--;
  let right = end;
  while (right < side.tokens.length && (alignment.at[right] === -1 || side.common[right] === 0)) right++;
  return { left, right };
}

function placeOf(side: SidePattern, alignment: Alignment, e: number): Place {
  const { left, right } = neighbours(side, alignment, e);
  return {
    after: left >= 0 ? alignment.at[left]! : ANYWHERE.after,
    until: right < side.tokens.length ? alignment.at[right]! : ANYWHERE.until,
  };
}

function layOut(
  prepared: PreparedPair,
  pair: PairIndex,
  hunk: RewardHunk,
  side: 'secure' | 'vulnerable',
): SidePattern {
  const isSecure = side === 'secure';
  const all = isSecure ? prepared.secureTokens : prepared.vulnerableTokens;
  const allIds = isSecure ? pair.secureIds : pair.vulnerableIds;
  const changed = isSecure ? pair.secureChanged : pair.vulnerableChanged;
  const bodyStart = isSecure ? hunk.secureStart : hunk.vulnerableStart;
  const bodyEnd = isSecure ? hunk.secureEnd : hunk.vulnerableEnd;
  const reach = CONTEXT_REACH * Math.max(1, hunk.before.length, hunk.after.length);
  let start = bodyStart;
  while (start > 0 && bodyStart - start < reach && changed[start - 1] === 0) start--;
  let end = bodyEnd;
  while (end < all.length && end - bodyEnd < reach && changed[end] === 0) end++;
  const edits = hunk.edits.map((edit) => ({
    start: (isSecure ? edit.secureStart : edit.vulnerableStart) - start,
    end: (isSecure ? edit.secureEnd : edit.vulnerableEnd) - start,
  }));
  const tokens = all.slice(start, end);
  const common = Uint8Array.from(tokens, (_, i) => 1 - changed[start + i]!);
  const evidenceWeights = Float64Array.from(tokens, (token, i) => {
    const distance = common[i] === 0 ? 0 : distanceToEdit(edits, i);
    return tokenWeight(token) * CONTEXT_DECAY ** distance;
  });
  const open = new Uint8Array(tokens.length + 1);
  for (const edit of edits) open.fill(1, edit.start, edit.end + 1);
  const pattern: PatternTokens = {
    open,
    ids: allIds.subarray(start, end),
    weights: Float64Array.from(tokens, tokenWeight),
    wild: wildKinds(hunk, edits, all, start, tokens.length),
  };
  return { pattern, evidenceWeights, tokens, edits, common };
}

/**
 * Where an unknown token may stand for one of this side's own. An unknown type only where the other side has nothing: a
 * cast by another type is a cast, but of three types in one place none is evidence for another.
 */
function wildKinds(
  hunk: RewardHunk,
  edits: SidePattern['edits'],
  all: readonly LexicalToken[],
  start: number,
  length: number,
): Uint8Array {
  const kinds = new Uint8Array(length);
  for (const [e, span] of edits.entries()) {
    const edit = hunk.edits[e]!;
    const oneSided = edit.secureStart === edit.secureEnd || edit.vulnerableStart === edit.vulnerableEnd;
    for (let i = span.start; i < span.end; i++) {
      const token = all[start + i]!;
      if (token.kind !== 'type' || oneSided) kinds[i] = wildKind(token, all[start + i + 1]);
    }
  }
  return kinds;
}

function distanceToEdit(edits: SidePattern['edits'], index: number): number {
  let nearest = Number.POSITIVE_INFINITY;
  for (const edit of edits)
    nearest = Math.min(nearest, index < edit.start ? edit.start - index - 1 : index - edit.end);
  return nearest;
}

/** Aligns, then takes back unknown tokens that would stand for two different ones, or two for one. */
function alignSide(side: SidePattern, answer: IndexedAnswer, window: Window): Alignment {
  const alignment = alignWindow(side.pattern, answer, window.low, window.high);
  const forward = new Map<number, string>();
  const backward = new Map<string, number>();
  for (let i = 0; i < alignment.at.length; i++) {
    const at = alignment.at[i]!;
    const id = side.pattern.ids[i]!;
    if (at === -1 || answer.ids[at] === id) continue;
    const name = answer.tokens[at]!.text;
    const consistent = (forward.get(id) ?? name) === name && (backward.get(name) ?? id) === id;
    if (consistent) {
      forward.set(id, name);
      backward.set(name, id);
      alignment.quality[i] = WILD_QUALITY;
    } else {
      alignment.at[i] = -1;
      alignment.quality[i] = 0;
    }
  }
  return alignment;
}

function shareOf(side: SidePattern, alignment: Alignment, start: number, end: number): number {
  let found = 0;
  let possible = 0;
  for (let i = start; i < end; i++) {
    if (side.common[i] === 0) continue;
    possible += side.evidenceWeights[i]!;
    found += side.evidenceWeights[i]! * alignment.quality[i]!;
  }
  return possible === 0 ? 1 : found / possible;
}

function contextShare(side: SidePattern, alignment: Alignment): number {
  return shareOf(side, alignment, 0, side.tokens.length);
}

function matchEdit(
  side: SidePattern,
  alignment: Alignment,
  answer: IndexedAnswer,
  hunk: RewardHunk,
  e: number,
  place: Place,
): EditMatch {
  const { start, end } = side.edits[e]!;
  const { left, right } = neighbours(side, alignment, e);
  let weight = 0;
  let matched = 0;
  const evidence: number[] = [];
  for (let i = start; i < end; i++) {
    weight += side.pattern.weights[i]!;
    const at = alignment.at[i]!;
    if (at === -1 || at <= place.after || at >= place.until) continue;
    matched += side.pattern.weights[i]! * alignment.quality[i]!;
    evidence.push(at);
  }
  const first = left >= 0 ? alignment.at[left]! + 1 : evidence[0];
  const last = right < side.tokens.length ? alignment.at[right]! : evidence.at(-1);
  const extra = first === undefined || last === undefined ? 0 : unexplained(answer, alignment, first, last);
  const placed = start === end && isPlaced(side, alignment, answer, hunk, { start, right });
  if (placed) evidence.push(right < side.tokens.length ? alignment.at[right]! : alignment.at[left]!);
  return { weight, matched, extra, evidence, placed };
}

/** Weight of the tokens in answer[first, last) that no pattern token is aligned to. */
function unexplained(answer: IndexedAnswer, alignment: Alignment, first: number, last: number): number {
  const explained = new Set<number>();
  for (const at of alignment.at) if (at >= first && at < last) explained.add(at);
  let weight = 0;
  for (let i = first; i < last; i++) if (!explained.has(i)) weight += answer.weights[i]!;
  return weight;
}

/** True when absence at this place is evidence: the text goes on after it, and both surroundings are found. */
function isPlaced(
  side: SidePattern,
  alignment: Alignment,
  answer: IndexedAnswer,
  hunk: RewardHunk,
  place: { readonly start: number; readonly right: number },
): boolean {
  const length = side.tokens.length;
  const before = shareOf(side, alignment, 0, place.start);
  const after = shareOf(side, alignment, place.start, length);
  if (before < MIN_ABSENCE_CONTEXT || after < MIN_ABSENCE_CONTEXT) return false;
  if (place.start < length) return place.right < length && place.right - place.start < ABSENCE_REACH;
  return hunk.before.length > 0 && answer.tokens.length > 0 && alignment.at.some((at) => at !== -1);
}

/** Weighs the edits of one side; `other` are the same edits as the other side's alignment sees them. */
function combine(own: readonly EditMatch[], other: readonly EditMatch[], context: number): SideScore {
  let total = 0;
  let present = 0;
  let presentWeight = 0;
  let absent = 0;
  let presence = 0;
  const evidence = new Set<number>();
  for (const [e, match] of own.entries()) {
    const rival = other[e]!;
    const size = Math.max(match.weight, rival.weight);
    total += size;
    if (match.weight > 0) {
      present += size * presentSimilarity(match);
      presentWeight += size;
      presence += match.evidence.length;
    } else if (match.placed) absent += size * absentSimilarity(match, rival);
    for (const index of match.evidence) evidence.add(index);
  }
  // Where this side also has tokens of its own in the hunk, what it lacks counts only as far as those are there.
  const absenceShare = presentWeight === 0 ? 1 : present / presentWeight;
  return {
    score: total === 0 ? 0 : Math.min(1, (context * (present + absenceShare * absent)) / total),
    evidence: [...evidence].sort((a, b) => a - b),
    absenceOnly: presence === 0,
  };
}

/** matched / weight, lowered to 1 / 1.5 of it by tokens in the place that do not belong there. */
function presentSimilarity(own: EditMatch): number {
  return own.matched / own.weight / (1 + EXTRA_PENALTY * Math.min(1, own.extra / own.weight));
}

/**
 * 1 − the share of the rival's tokens that is there, lowered as for present tokens: an unrelated statement in the place
 * does not hide that a check is missing, and a check that is written otherwise does not count as missing.
 */
function absentSimilarity(own: EditMatch, rival: EditMatch): number {
  return (1 - rival.matched / rival.weight) / (1 + EXTRA_PENALTY * Math.min(1, own.extra / rival.weight));
}
