import {
  type DiffHunk,
  diffTokens,
  type FunctionInfo,
  type LexicalToken,
  lexTokens,
  parseCode,
} from '@srcode/code';
import type { CheckContext, SideFacts, ValidationInput, ValidationLimits } from '../types.js';

/** Text between tokens that is not whitespace, which is comments alone: every other character lies in a token. */
function readComments(text: string, tokens: readonly LexicalToken[]): string[] {
  const comments: string[] = [];
  let at = 0;
  for (const token of [...tokens, { start: text.length, end: text.length }]) {
    const gap = text.slice(at, token.start).trim();
    if (gap !== '') comments.push(gap);
    at = token.end;
  }
  return comments;
}

/** A value computed at the first call and kept. */
function once<T>(compute: () => T): () => T {
  let box: { readonly value: T } | null = null;
  return () => {
    box ??= { value: compute() };
    return box.value;
  };
}

function createSide(text: string, language: 'c' | 'cpp', maxSourceLength: number): SideFacts {
  const tokens = once(() => lexTokens(text, { maxSourceLength }));
  const comments = once(() => readComments(text, tokens()));
  const report = once(() => parseCode(text, language, { maxSourceLength }));
  const main = once(() =>
    report().functions.reduce<FunctionInfo | null>(
      (longest, next) => (longest && longest.end - longest.start >= next.end - next.start ? longest : next),
      null,
    ),
  );
  return {
    text,
    get tokens() {
      return tokens();
    },
    get comments() {
      return comments();
    },
    get cleanShare() {
      return report().cleanShare;
    },
    get functions() {
      return report().functions;
    },
    get main() {
      return main();
    },
  };
}

/** The facts that the checks share; nothing is parsed before a check asks. */
export function createContext(record: ValidationInput, limits: ValidationLimits): CheckContext {
  const language = record.language ?? 'c';
  const vulnerable = createSide(record.vulnerable, language, limits.maxCodeChars);
  const secure = createSide(record.secure, language, limits.maxCodeChars);
  const hunks = once((): readonly DiffHunk[] => diffTokens(vulnerable.tokens, secure.tokens));
  return {
    limits,
    vulnerable,
    secure,
    get hunks() {
      return hunks();
    },
  };
}
