import { extractFirstCodeBlock } from '@srcode/code';
import type { Finding, Language, RewardSpan, Severity } from '@srcode/dataset';
import { assertTokenOffsets, mapSpansToTokens } from './map-spans-to-tokens.js';
import type { Completion, RewardStrategy, TokenRewards } from './types.js';

/** Findings of one text by some analyzer. */
export type AnalyzeFunction = (
  code: string,
  language: Language,
) => Promise<readonly Finding[]> | readonly Finding[];

export interface AnalyzerRewardOptions {
  /** Passed in, so that this package knows no analyzer. An error it throws goes to the caller. */
  readonly analyze: AnalyzeFunction;
  /** Default `analyzer`. */
  readonly name?: string;
  /** Default `c`. */
  readonly language?: Language;
  /** Penalty per finding. Default critical 1, high 0.75, medium 0.5, low 0.2, info 0. */
  readonly penalties?: Partial<Readonly<Record<Severity, number>>>;
  /** Most that one answer can lose; larger sums are scaled down. Default 1. */
  readonly maxPenalty?: number;
  /** As in `RewardOptions`. Default `first`. */
  readonly codeBlock?: 'first' | 'whole';
}

const DEFAULT_PENALTIES: Readonly<Record<Severity, number>> = {
  critical: 1,
  high: 0.75,
  medium: 0.5,
  low: 0.2,
  info: 0,
};

/**
 * Penalties where an analyzer finds something: each finding's mass lies on the text of its lines, indentation left out.
 *
 * The same rule on the same line counts once. The pair is not looked at. An analyzer that shaped a reward must never be the
 * only judge of the result: keep another one for evaluation.
 */
export function createAnalyzerReward(options: AnalyzerRewardOptions): RewardStrategy {
  const penalties = { ...DEFAULT_PENALTIES, ...options.penalties };
  const language = options.language ?? 'c';
  return {
    name: options.name ?? 'analyzer',
    async score(_pair, completion) {
      assertTokenOffsets(completion.tokenOffsets, completion.text.length);
      const block =
        options.codeBlock === 'whole'
          ? { code: completion.text, start: 0 }
          : extractFirstCodeBlock(completion.text);
      const findings = block.code.trim() === '' ? [] : await options.analyze(block.code, language);
      return placeFindings(findings, penalties, options.maxPenalty ?? 1, block, completion);
    },
  };
}

function placeFindings(
  findings: readonly Finding[],
  penalties: Readonly<Record<Severity, number>>,
  maxPenalty: number,
  block: { readonly code: string; readonly start: number },
  completion: Completion,
): TokenRewards {
  const seen = new Set<string>();
  const counted = findings.filter((finding) => {
    const key = `${finding.analyzer}\u0000${finding.ruleId}\u0000${finding.line}`;
    if (penalties[finding.severity] === 0 || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
  if (completion.tokenOffsets.length === 0) return { values: new Float32Array(0), spans: [], total: 0 };
  const sum = counted.reduce((total, finding) => total + penalties[finding.severity], 0);
  const scale = sum > maxPenalty ? maxPenalty / sum : 1;
  const lines = lineSpans(block.code);
  const spans = counted.map((finding): RewardSpan => {
    const first = lines[Math.min(finding.line, lines.length) - 1]!;
    const last = lines[Math.min(finding.endLine ?? finding.line, lines.length) - 1]!;
    return {
      start: block.start + first.start,
      end: block.start + Math.max(first.end, last.end),
      side: 'vulnerable',
      hunk: -1,
      value: -penalties[finding.severity] * scale,
      score: Math.min(1, penalties[finding.severity]),
      reason: `${finding.analyzer} ${finding.ruleId} (${finding.severity}): ${finding.message}`,
    };
  });
  const total = spans.reduce((value, span) => value + span.value, 0);
  return { values: mapSpansToTokens(spans, completion.tokenOffsets), spans, total };
}

/** Span of each line without its indentation and trailing whitespace. */
function lineSpans(code: string): { start: number; end: number }[] {
  let at = 0;
  return code.split('\n').map((line) => {
    const start = at + (line.length - line.trimStart().length);
    const end = Math.max(start, at + line.trimEnd().length);
    at += line.length + 1;
    return { start, end };
  });
}
