import type { LexicalToken } from '@srcode/code';
import type { RewardSpan } from '@srcode/dataset';
import { type HunkMatch, matchPrepared, type SilentReason } from './match-rollout.js';
import { type RewardOptions, resolveRewardOptions } from './options.js';
import { placeRewards } from './place-rewards.js';
import type { RewardPair } from './types.js';

/** What one hunk says about an answer, in words and numbers. */
export interface HunkExplanation {
  readonly hunk: number;
  readonly outcome: 'secure' | 'vulnerable' | 'silent';
  readonly reason: SilentReason | null;
  readonly secureScore: number;
  readonly vulnerableScore: number;
  /** Share of the hunk's surroundings found, in [0, 1]. */
  readonly context: number;
  readonly weight: number;
  readonly mass: number;
  /** The hunk's two versions, lexical tokens joined by blanks. */
  readonly secure: string;
  readonly vulnerable: string;
  readonly sentence: string;
}

export interface RewardExplanation {
  /** Rewarded stretches of the answer; touching ones of one hunk and side are joined over whitespace. */
  readonly spans: readonly RewardSpan[];
  readonly hunks: readonly HunkExplanation[];
  readonly total: number;
  /** True when the answer's end lay beyond `maxTextLength`. */
  readonly cut: boolean;
}

/** Why an answer gets the token-level rewards it gets: spans to draw and one explanation per hunk. */
export function explainRewards(
  pair: RewardPair,
  text: string,
  options: RewardOptions = {},
): RewardExplanation {
  const match = matchPrepared(pair, text, resolveRewardOptions(options));
  const { spans, total } = placeRewards(match, { text, tokenOffsets: [[0, text.length]] }, 'token');
  return { spans: joinSpans(spans, text), hunks: match.hunks.map(explainHunk), total, cut: match.cut };
}

function joinSpans(spans: readonly RewardSpan[], text: string): RewardSpan[] {
  const joined: RewardSpan[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start || a.hunk - b.hunk)) {
    const last = joined.at(-1);
    if (
      last &&
      last.hunk === span.hunk &&
      last.side === span.side &&
      text.slice(last.end, span.start).trim() === ''
    )
      joined[joined.length - 1] = {
        ...last,
        end: Math.max(last.end, span.end),
        value: last.value + span.value,
      };
    else joined.push(span);
  }
  return joined;
}

function explainHunk(match: HunkMatch): HunkExplanation {
  const { hunk, outcome, reason, secureScore, vulnerableScore, context, mass } = match;
  return {
    hunk: hunk.index,
    outcome,
    reason,
    secureScore,
    vulnerableScore,
    context,
    weight: hunk.weight,
    mass,
    secure: joinTokens(hunk.secure),
    vulnerable: joinTokens(hunk.vulnerable),
    sentence: describeMatch(match),
  };
}

function joinTokens(tokens: readonly LexicalToken[]): string {
  return tokens.map((token) => token.text).join(' ');
}

function describeMatch(match: HunkMatch): string {
  const scores = `secure ${match.secureScore.toFixed(2)}, vulnerable ${match.vulnerableScore.toFixed(2)}`;
  if (match.reason === 'not-found') return 'Nothing of this place occurs in the answer.';
  if (match.reason === 'low-score') return `The answer is like neither version here (${scores}).`;
  if (match.reason === 'broken-syntax')
    return `The answer follows the secure version here (${scores}), but does not parse.`;
  if (match.reason === 'tied') return `The answer is about as like one version as the other (${scores}).`;
  if (match.absence && match.outcome === 'vulnerable')
    return `What the fix adds is missing here (${scores}).`;
  if (match.absence) return `What the fix removes is not here (${scores}).`;
  return `The answer follows the ${match.outcome} version here (${scores}).`;
}
