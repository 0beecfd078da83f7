import type { Finding } from '@srcode/dataset';
import type { AnalyzerInput } from '../types.js';

/** An input with its context in front, as an analyzer reads it. */
export interface JoinedSource {
  readonly text: string;
  /** Lines of context before the first line of the input's own code. */
  readonly lineOffset: number;
  /** Lines of the input's own code. */
  readonly lineCount: number;
}

export function joinContext(input: AnalyzerInput): JoinedSource {
  const context =
    input.context === undefined || input.context === '' ? '' : `${input.context.replace(/\n$/, '')}\n`;
  return {
    text: context + input.code,
    lineOffset: context === '' ? 0 : context.split('\n').length - 1,
    lineCount: input.code.split('\n').length,
  };
}

/** Findings on the input's own lines, counted from its first line; those on the context are dropped. */
export function keepOwnFindings(findings: readonly Finding[], source: JoinedSource): Finding[] {
  return findings
    .filter(({ line }) => line > source.lineOffset && line <= source.lineOffset + source.lineCount)
    .map((finding) => ({
      ...finding,
      line: finding.line - source.lineOffset,
      endLine: finding.endLine === null ? null : Math.max(1, finding.endLine - source.lineOffset),
    }));
}
