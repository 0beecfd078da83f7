import { assertSourceLength } from './errors.js';
import { Scanner } from './internal/scanner.js';
import type { LexicalToken } from './types.js';

export interface LexTokensOptions {
  /** Cap in UTF-16 code units. Default 2 Mi. */
  readonly maxSourceLength?: number;
}

/**
 * The lexical tokens of C or C++ text in order, comments and whitespace dropped.
 *
 * On text that parses these are the leaves of the syntax tree (a test compares them), with three differences that make
 * comparison steadier: a string or character literal is one token; the raw text of `#define X …` is cut into tokens; and
 * nothing depends on context, so that an edit or a syntax error in one place never changes the tokens elsewhere. Every
 * character that is neither whitespace nor comment lies in exactly one token, whatever the text. `text` is the source
 * slice, except that whitespace inside `#  include` is dropped. Linear in the length.
 *
 * @throws SourceTooLargeError
 */
export function lexTokens(source: string, options: LexTokensOptions = {}): LexicalToken[] {
  assertSourceLength(source, options.maxSourceLength);
  return new Scanner(source).scan();
}
