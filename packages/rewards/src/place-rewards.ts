import type { RewardSpan } from '@srcode/dataset';
import { mapSpansToTokens } from './map-spans-to-tokens.js';
import type { HunkMatch, RolloutMatch } from './match-rollout.js';
import type { Completion, TokenRewards } from './types.js';

/** Where a hunk's mass lies: on its own tokens, on their lines, or all on the last token of the answer. */
export type Placement = 'token' | 'line' | 'instance';

/** Rewards of one matched answer: the same total whatever the placement. */
export function placeRewards(
  match: RolloutMatch,
  completion: Completion,
  placement: Placement,
): TokenRewards {
  const byLine = placement === 'line';
  const spans = match.hunks.flatMap((hunk) => spansOf(hunk, match, byLine));
  spans.push(...syntaxSpans(match, byLine));
  let total = 0;
  for (const span of spans) total += span.value;
  const offsets = completion.tokenOffsets;
  if (offsets.length === 0) return { values: new Float32Array(0), spans: [], total: 0 };
  if (placement !== 'instance') return { values: mapSpansToTokens(spans, offsets), spans, total };
  const values = new Float32Array(offsets.length);
  values[values.length - 1] = total;
  return { values, spans: instanceSpans(match, offsets.at(-1)!, total), total };
}

function spansOf(match: HunkMatch, rollout: RolloutMatch, byLine: boolean): RewardSpan[] {
  if (match.outcome === 'silent') return [];
  const side = match.outcome;
  const score = Math.max(match.secureScore, match.vulnerableScore);
  const common = { side, hunk: match.hunk.index, score, reason: describe(match, byLine) } as const;
  const shares = byLine ? shareByLine(match, rollout) : shareByToken(match);
  return shares.map(({ index, value }) => {
    const token = rollout.tokens[index]!;
    return { start: token.start, end: token.end, value, ...common };
  });
}

/** The break belongs to no hunk: its index is −1. */
function syntaxSpans(rollout: RolloutMatch, byLine: boolean): RewardSpan[] {
  if (rollout.syntaxBreak === null) return [];
  const { mass } = rollout.syntaxBreak;
  const score = Math.min(1, -mass);
  const reason = byLine ? 'line on which the syntax breaks' : 'the syntax breaks here';
  const shares = byLine ? shareByLine(rollout.syntaxBreak, rollout) : shareByToken(rollout.syntaxBreak);
  return shares.map(({ index, value }) => {
    const { start, end } = rollout.tokens[index]!;
    return { start, end, value, side: 'vulnerable', hunk: -1, score, reason };
  });
}

type Massed = Pick<HunkMatch, 'evidence' | 'mass'>;

interface Share {
  readonly index: number;
  readonly value: number;
}

function shareByToken(match: Massed): Share[] {
  const value = match.mass / match.evidence.length;
  return match.evidence.map((index) => ({ index, value }));
}

/** Equal shares for the lines that hold evidence, and equal shares for the lexical tokens of a line. */
function shareByLine(match: Massed, rollout: RolloutMatch): Share[] {
  const { tokens } = rollout;
  const lines: { first: number; last: number }[] = [];
  for (const index of match.evidence) {
    const previous = lines.at(-1);
    if (previous && index <= previous.last) continue;
    const { line } = tokens[index]!;
    let first = index;
    while (first > 0 && tokens[first - 1]!.line === line) first--;
    let last = index;
    while (last + 1 < tokens.length && tokens[last + 1]!.line === line) last++;
    lines.push({ first, last });
  }
  return lines.flatMap(({ first, last }) => {
    const count = last - first + 1;
    const value = match.mass / lines.length / count;
    return Array.from({ length: count }, (_, i) => ({ index: first + i, value }));
  });
}

function describe(match: HunkMatch, byLine: boolean): string {
  const what = match.absence
    ? match.outcome === 'secure'
      ? 'what the vulnerable side adds is absent here'
      : 'what the secure side adds is missing before this'
    : `as in the ${match.outcome} side`;
  return byLine ? `line with code ${what}` : what;
}

function instanceSpans(match: RolloutMatch, last: readonly [number, number], total: number): RewardSpan[] {
  if (total === 0) return [];
  const spoken = match.hunks.filter((hunk) => hunk.outcome !== 'silent').length;
  return [
    {
      start: last[0],
      end: last[1],
      side: total > 0 ? 'secure' : 'vulnerable',
      hunk: -1,
      value: total,
      score: Math.min(1, Math.abs(total)),
      reason: `sum over ${spoken} of ${match.hunks.length} hunks`,
    },
  ];
}
