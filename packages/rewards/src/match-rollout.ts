import { extractFirstCodeBlock, findFunctionsInTokens, type LexicalToken, lexTokens } from '@srcode/code';
import { type PreparedPair, preparePairOnce, type RewardHunk } from './build-hunks.js';
import { findSyntaxBreak, parseBounded } from './internal/find-syntax-break.js';
import { indexAnswer, indexPair, type PairIndex } from './internal/index-answer.js';
import { locateHunk, SeedIndex } from './internal/locate-hunk.js';
import { type HunkScores, scoreSides } from './internal/score-sides.js';
import { type ResolvedRewardOptions, type RewardOptions, resolveRewardOptions } from './options.js';
import type { RewardPair } from './types.js';

/** Why a hunk says nothing about an answer. */
export type SilentReason =
  /** Neither its surroundings nor its bodies occur in the answer. */
  | 'not-found'
  /** Both sides score below `minScore`. */
  | 'low-score'
  /** The sides score within `margin` of each other. */
  | 'tied'
  /** It is as in the secure side, but the answer does not parse; see `brokenSyntaxMass`. */
  | 'broken-syntax';

/** What one hunk says about one answer. */
export interface HunkMatch {
  readonly hunk: RewardHunk;
  readonly outcome: 'secure' | 'vulnerable' | 'silent';
  readonly reason: SilentReason | null;
  /** Scores in [0, 1]. */
  readonly secureScore: number;
  readonly vulnerableScore: number;
  /** Share of the hunk's surroundings found, in [0, 1]. */
  readonly context: number;
  /** True when the evidence is that something is missing. */
  readonly absence: boolean;
  /** Indices into `tokens` that share the mass equally; empty when silent. */
  readonly evidence: readonly number[];
  /** Signed mass: +α·score·w_h, −β·score·w_h or 0. */
  readonly mass: number;
}

export interface RolloutMatch {
  /** Lexical tokens of the part of the answer that was read, with offsets in the whole answer. */
  readonly tokens: readonly LexicalToken[];
  readonly hunks: readonly HunkMatch[];
  /** Where the syntax breaks, when that is looked at and it does; mass is −γ. */
  readonly syntaxBreak: { readonly evidence: readonly number[]; readonly mass: number } | null;
  /** True when the answer was longer than `maxTextLength` and its end was not read. */
  readonly cut: boolean;
}

/**
 * How each hunk of a pair shows in a sampled answer.
 *
 * For each hunk, before + secure + after and before + vulnerable + after are aligned to the place of the answer where the
 * hunk lies; names renamed one to one count 0.8 of exact ones. The side that scores higher wins when it reaches `minScore`
 * and leads by more than `margin`. Never throws on what the answer contains: text that is empty, cut, malformed or about
 * something else leaves hunks silent. The numbers are our choice; the contract is DESIGN.md's.
 */
export function matchRollout(pair: RewardPair, text: string, options: RewardOptions = {}): RolloutMatch {
  return matchPrepared(pair, text, resolveRewardOptions(options));
}

const indexByPrepared = new WeakMap<PreparedPair, PairIndex>();

export function matchPrepared(pair: RewardPair, text: string, options: ResolvedRewardOptions): RolloutMatch {
  const prepared = preparePairOnce(pair, options);
  const { tokens: all, code, codeStart, cut } = readAnswer(text, options);
  const tokens = dropRepeatedFunctions(all);
  if (prepared.hunks.length === 0) return { tokens, hunks: [], syntaxBreak: null, cut };
  const index = indexByPrepared.get(prepared) ?? indexPair(prepared);
  indexByPrepared.set(prepared, index);
  const answer = indexAnswer(index, tokens);
  const seeds = new SeedIndex(answer);
  const hunks = prepared.hunks.map((hunk) => {
    const window = locateHunk(prepared, index, answer, seeds, hunk);
    return window
      ? decide(hunk, scoreSides(prepared, index, answer, hunk, window), options)
      : silent(hunk, 'not-found', null);
  });
  if (options.brokenSyntaxMass === 0 || all.length === 0 || !secureSideParses(prepared, pair.secure))
    return { tokens, hunks, syntaxBreak: null, cut };
  const evidence = findSyntaxBreak(code, tokens, codeStart);
  if (evidence.length === 0) return { tokens, hunks, syntaxBreak: null, cut };
  return {
    tokens,
    hunks: hunks.map((match) =>
      match.outcome === 'secure'
        ? { ...match, outcome: 'silent', reason: 'broken-syntax', absence: false, evidence: [], mass: 0 }
        : match,
    ),
    syntaxBreak: { evidence, mass: -options.brokenSyntaxMass },
    cut,
  };
}

const parsesByPrepared = new WeakMap<PreparedPair, boolean>();

function secureSideParses(prepared: PreparedPair, secure: string): boolean {
  const known = parsesByPrepared.get(prepared);
  if (known !== undefined) return known;
  const parses = parseBounded(secure)?.hasError === false;
  parsesByPrepared.set(prepared, parses);
  return parses;
}

interface ReadAnswer {
  readonly tokens: LexicalToken[];
  /** The part that was read, and where it starts in the answer. */
  readonly code: string;
  readonly codeStart: number;
  readonly cut: boolean;
}

function readAnswer(text: string, options: ResolvedRewardOptions): ReadAnswer {
  const cut = text.length > options.maxTextLength;
  const read = cut ? text.slice(0, options.maxTextLength) : text;
  const block = options.codeBlock === 'first' ? extractFirstCodeBlock(read) : null;
  if (!block || block.whole) return { tokens: lexTokens(read), code: read, codeStart: 0, cut };
  let line = 0;
  for (let i = 0; i < block.start; i++) if (read.charCodeAt(i) === 10) line++;
  const tokens = lexTokens(block.code).map((token) => ({
    ...token,
    start: token.start + block.start,
    end: token.end + block.start,
    line: token.line + line,
  }));
  return { tokens, code: block.code, codeStart: block.start, cut };
}

/** Without later definitions of a function that was defined before: the first answer is the one that counts. */
function dropRepeatedFunctions(tokens: readonly LexicalToken[]): readonly LexicalToken[] {
  const seen = new Set<string>();
  const repeated = findFunctionsInTokens(tokens).filter(({ name }) => seen.size === seen.add(name).size);
  if (repeated.length === 0) return tokens;
  let next = 0;
  return tokens.filter((token) => {
    while (next < repeated.length && repeated[next]!.end <= token.start) next++;
    return next >= repeated.length || token.start < repeated[next]!.start;
  });
}

function silent(hunk: RewardHunk, reason: SilentReason, scores: HunkScores | null): HunkMatch {
  return {
    hunk,
    outcome: 'silent',
    reason,
    secureScore: scores?.secure.score ?? 0,
    vulnerableScore: scores?.vulnerable.score ?? 0,
    context: scores?.context ?? 0,
    absence: false,
    evidence: [],
    mass: 0,
  };
}

function decide(hunk: RewardHunk, scores: HunkScores, options: ResolvedRewardOptions): HunkMatch {
  const { secure, vulnerable } = scores;
  const wins = secure.score >= vulnerable.score ? secure : vulnerable;
  if (wins.score < options.minScore || wins.evidence.length === 0) return silent(hunk, 'low-score', scores);
  if (Math.abs(secure.score - vulnerable.score) <= options.margin) return silent(hunk, 'tied', scores);
  const outcome = wins === secure ? 'secure' : 'vulnerable';
  const mass =
    (outcome === 'secure' ? options.secureMass : -options.vulnerableMass) * wins.score * hunk.weight;
  return {
    hunk,
    outcome,
    reason: null,
    secureScore: secure.score,
    vulnerableScore: vulnerable.score,
    context: scores.context,
    absence: wins.absenceOnly,
    evidence: wins.evidence,
    mass,
  };
}
