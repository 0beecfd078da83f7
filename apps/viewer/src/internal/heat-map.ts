import type { RewardSpan } from '@srcode/dataset';
import type { RolloutLine } from '../schemas.js';

/** A run of text in one colour. */
export interface HeatSegment {
  readonly text: string;
  /** Index of the token; -1 for text outside every token. */
  readonly token: number;
  readonly value: number;
  /** -4 … 4: strength relative to the strongest token of the answer, vulnerable negative; 0 carries no reward. */
  readonly level: number;
  readonly span: RewardSpan | null;
}

const LEVELS = 4;

function levelOf(value: number, strongest: number): number {
  if (value === 0 || strongest === 0) return 0;
  return Math.sign(value) * Math.max(1, Math.ceil((Math.abs(value) / strongest) * LEVELS - 1e-9));
}

/** The span that overlaps [start, end) most, of the same sign as the value. */
function findSpan(
  spans: readonly RewardSpan[],
  start: number,
  end: number,
  value: number,
): RewardSpan | null {
  let best: RewardSpan | null = null;
  let bestOverlap = 0;
  for (const span of spans) {
    const overlap = Math.min(end, span.end) - Math.max(start, span.start);
    if (overlap > bestOverlap && value > 0 === (span.side === 'secure')) {
      best = span;
      bestOverlap = overlap;
    }
  }
  return best;
}

/** A token of white space or of no text (end of sequence) that carries reward, made visible. */
function showBlank(text: string): string {
  if (text === '') return '∎';
  return text.trim() === '' ? text.replace(/\n/g, '⏎\n') : text;
}

/**
 * The answer cut into runs of text: one per token that carries reward, neighbouring tokens without merged.
 *
 * Offsets come from a file, so they are clamped to the text and made to go forward; text that no token
 * covers is kept. Null when rewards and tokens do not correspond.
 */
export function cutHeatSegments(line: RolloutLine): HeatSegment[] | null {
  const { completion, tokenOffsets } = line.rollout;
  const { values, spans } = line.rewards;
  if (values.length !== tokenOffsets.length) return null;
  const strongest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const segments: HeatSegment[] = [];
  let plain = '';
  let at = 0;
  const flush = (): void => {
    if (plain !== '') segments.push({ text: plain, token: -1, value: 0, level: 0, span: null });
    plain = '';
  };
  tokenOffsets.forEach(([from, to], token) => {
    const start = Math.min(completion.length, Math.max(at, from));
    const end = Math.min(completion.length, Math.max(start, to));
    plain += completion.slice(at, start);
    at = end;
    const value = values[token]!;
    const level = levelOf(value, strongest);
    const text = completion.slice(start, end);
    if (level === 0) {
      plain += text;
      return;
    }
    flush();
    segments.push({
      text: showBlank(text),
      token,
      value,
      level,
      span: findSpan(spans, start, end, value),
    });
  });
  plain += completion.slice(at);
  flush();
  return segments;
}
