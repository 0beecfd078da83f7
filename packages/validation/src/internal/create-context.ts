import {
  type DiffHunk,
  diffTokens,
  type FunctionInfo,
  findFunctionsInTokens,
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

/** Share of text outside syntax errors; 0 for text so deep or broken that the tree cannot be walked. */
function readCleanShare(text: string, language: 'c' | 'cpp', maxSourceLength: number): number {
  try {
    return parseCode(text, language, { maxSourceLength }).cleanShare;
  } catch (error) {
    if (error instanceof RangeError) return 0;
    throw error;
  }
}

function createSide(text: string, language: 'c' | 'cpp', maxSourceLength: number): SideFacts {
  const tokens = once(() => lexTokens(text, { maxSourceLength }));
  const comments = once(() => readComments(text, tokens()));
  // Apart from the rest: the tree is the dearest of all and rarely needed on both sides.
  const cleanShare = once(() => readCleanShare(text, language, maxSourceLength));
  const functions = once(() => findFunctionsInTokens(tokens()));
  const main = once(() =>
    functions().reduce<FunctionInfo | null>(
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
      return cleanShare();
    },
    get functions() {
      return functions();
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
