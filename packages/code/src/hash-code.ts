import { sha256Hex } from '@srcode/core';
import { type LexTokensOptions, lexTokens } from './lex-tokens.js';
import type { LexicalToken } from './types.js';

/** A character that cannot stand inside a token, so that joined texts stay apart. */
const SEPARATOR = '\u0000';

/**
 * SHA-256 (hex) of the lexical tokens: equal for texts that differ in whitespace and comments alone.
 *
 * @throws SourceTooLargeError
 */
export function normalizedHash(source: string, options: LexTokensOptions = {}): string {
  return sha256Hex(
    lexTokens(source, options)
      .map((token) => token.text)
      .join(SEPARATOR),
  );
}

/**
 * SHA-256 (hex) of the lexical tokens with identifiers numbered by first appearance: equal also for texts whose
 * identifiers were renamed consistently. Numbers, strings, keywords and built-in types stay as they are.
 *
 * @throws SourceTooLargeError
 */
export function structuralHash(source: string, options: LexTokensOptions = {}): string {
  return sha256Hex(structuralTexts(lexTokens(source, options)).join(SEPARATOR));
}

/** Token texts with the i-th distinct identifier written as `$i`. */
export function structuralTexts(tokens: readonly LexicalToken[]): string[] {
  const names = new Map<string, string>();
  return tokens.map((token) => {
    if (token.kind !== 'identifier') return token.text;
    let name = names.get(token.text);
    if (name === undefined) {
      name = `$${names.size}`;
      names.set(token.text, name);
    }
    return name;
  });
}
