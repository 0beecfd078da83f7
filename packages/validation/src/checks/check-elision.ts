import { fail, pass } from '../internal/outcome.js';
import type { PairCheck, SideFacts } from '../types.js';

/** Comments by which models leave code out. */
const PLACEHOLDERS: readonly RegExp[] = [
  /^\W*(?:\.{3,}|…)\W*$/,
  /\b(?:rest|remainder|remaining (?:code|part|body|logic))\b.{0,40}\b(?:code|function|body|implementation|unchanged|same|here|below|omitted)\b/i,
  /\b(?:code|body|implementation|logic|part|section|lines?)\b.{0,40}\b(?:unchanged|omitted|elided|remains? the same|goes here|as before|as above|as in the original)\b/i,
  /\b(?:existing|original|previous|same|other|your) (?:code|implementation|logic|body|statements?)\b.{0,20}(?:here|above|below|continues?|unchanged|as before|\.{3}|…|$)/i,
  /^\W*(?:unchanged|omitted|snip(?:ped)?|elided|truncated|same as (?:before|above|original)|no changes?(?: (?:here|below))?)\W*$/i,
  /(?:\.{3}|…)\s*(?:unchanged|omitted|existing|original|rest|same|continues?)/i,
  /(?:unchanged|omitted|existing|original|rest of|same)\b[^.]*(?:\.{3}|…)/i,
];

/** 400 characters: a placeholder is short, and the patterns are quadratic in text made to be slow. */
const MAX_COMMENT_CHARS = 400;

function stripMarkers(comment: string): string {
  return comment
    .slice(0, MAX_COMMENT_CHARS)
    .replace(/^\/[/*]+|\*\/$/g, '')
    .trim();
}

/** `...` in a body that is not a parameter list, a `case a ... b`, a pack expansion or `catch (...)`. */
function countBareEllipses(side: SideFacts): number {
  let count = 0;
  for (const [at, token] of side.tokens.entries()) {
    if (token.text !== '...' && token.text !== '…') continue;
    const before = side.tokens[at - 1]?.text ?? '';
    const after = side.tokens[at + 1]?.text ?? '';
    const startsStatement = /^(?:[;{}]|)$/.test(before);
    if (token.text === '…' || startsStatement || (after === '}' && before !== ',')) count++;
  }
  return count;
}

/** The secure side is the whole function: nothing is replaced by "..." or "rest of the code unchanged". */
export const checkElision: PairCheck = (_record, { secure, vulnerable }) => {
  const known = new Set(vulnerable.comments.map(stripMarkers));
  for (const comment of secure.comments) {
    const text = stripMarkers(comment);
    if (known.has(text) || !PLACEHOLDERS.some((pattern) => pattern.test(text))) continue;
    return fail(
      'elision',
      'elided-code',
      `A comment stands for code that is left out: "${text.slice(0, 120)}".`,
      {
        comment: text.slice(0, 500),
      },
    );
  }
  const bare = countBareEllipses(secure);
  if (bare > countBareEllipses(vulnerable))
    return fail('elision', 'elided-code', '"..." stands for code that is left out.', { ellipses: bare });
  return pass('elision');
};
