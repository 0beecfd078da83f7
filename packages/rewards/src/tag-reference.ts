import type { LexicalToken } from '@srcode/code';
import { preparePairOnce, type RewardHunk } from './build-hunks.js';
import { type RewardOptions, resolveRewardOptions } from './options.js';
import type { RewardPair } from './types.js';

/** One tagged token of a pair's own text. */
export interface ReferenceTag {
  /** Span [start, end) in that side's text, UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  /** +1 on the secure side, −1 on the vulnerable side. */
  readonly tag: 1 | -1;
  /** Share of the hunk's mass, signed: Σ over a side with evidence in every hunk is α, or −β. */
  readonly value: number;
  readonly hunk: number;
  /** True when what counts is that something is absent: the tag sits on the first token after the place. */
  readonly absence: boolean;
  /** Index among the lexical tokens of that side. */
  readonly tokenIndex: number;
}

/**
 * Off-policy tags of one side of a pair: +1 on each token that only the secure text has, −1 on each that only the
 * vulnerable text has. Where the other side only adds tokens, this side's evidence is their absence, and the tag sits on the
 * first token after the place (before it, at the end of the text). Empty when V = S up to whitespace and comments.
 */
export function tagReference(
  pair: RewardPair,
  side: 'secure' | 'vulnerable',
  options: RewardOptions = {},
): readonly ReferenceTag[] {
  const resolved = resolveRewardOptions(options);
  const prepared = preparePairOnce(pair, resolved);
  const tokens = side === 'secure' ? prepared.secureTokens : prepared.vulnerableTokens;
  const mass = side === 'secure' ? resolved.secureMass : -resolved.vulnerableMass;
  const tag = side === 'secure' ? 1 : -1;
  return prepared.hunks.flatMap((hunk) => {
    const evidence = listEvidence(hunk, side, tokens);
    return evidence.map(({ tokenIndex, absence }): ReferenceTag => {
      const token = tokens[tokenIndex]!;
      const value = (mass * hunk.weight) / evidence.length;
      return { start: token.start, end: token.end, tag, value, hunk: hunk.index, absence, tokenIndex };
    });
  });
}

interface Evidence {
  readonly tokenIndex: number;
  readonly absence: boolean;
}

function listEvidence(
  hunk: RewardHunk,
  side: 'secure' | 'vulnerable',
  tokens: readonly LexicalToken[],
): Evidence[] {
  const out: Evidence[] = [];
  for (const edit of hunk.edits) {
    const start = side === 'secure' ? edit.secureStart : edit.vulnerableStart;
    const end = side === 'secure' ? edit.secureEnd : edit.vulnerableEnd;
    for (let tokenIndex = start; tokenIndex < end; tokenIndex++) out.push({ tokenIndex, absence: false });
    if (start < end || tokens.length === 0) continue;
    out.push({ tokenIndex: start < tokens.length ? start : start - 1, absence: true });
  }
  return out;
}
