import type { LexicalToken } from '@srcode/code';

/** Brackets, commas and semicolons stand everywhere and say little about what code does. */
const PUNCTUATION_WEIGHT = 0.25;

/** How much a token counts as evidence: 1, or 0.25 for punctuation (our choice). */
export function tokenWeight(token: LexicalToken): number {
  return token.kind === 'punctuation' ? PUNCTUATION_WEIGHT : 1;
}
