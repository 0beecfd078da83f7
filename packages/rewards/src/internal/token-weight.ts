import type { LexicalToken } from '@srcode/code';

/** Brackets, commas and semicolons stand everywhere and say little about what code does. */
const PUNCTUATION_WEIGHT = 0.25;

/** How much a token counts as evidence: 1, or 0.25 for punctuation (our choice). */
export function tokenWeight(token: LexicalToken): number {
  return token.kind === 'punctuation' ? PUNCTUATION_WEIGHT : 1;
}

const WILD_KINDS: readonly LexicalToken['kind'][] = ['identifier', 'type'];

/**
 * Which tokens may stand for each other without being equal: 0 for none, else the same number for the same kind. Names that
 * are called are left out, since calling something else is another program.
 */
export function wildKind(token: LexicalToken, next: LexicalToken | undefined): number {
  if (token.kind === 'identifier' && next?.text === '(') return 0;
  return WILD_KINDS.indexOf(token.kind) + 1;
}
