import { fail, pass } from '../internal/outcome.js';
import type { PairCheck } from '../types.js';

const MAX_GROWTH = 4;
const MAX_ADDED_CHARS = 10_000;

/**
 * The secure side parses about as well as the vulnerable one.
 *
 * One real function in five has a syntax error for the grammar (attribute macros, cut headers), so an error
 * is no reason by itself: what counts is the share of text outside errors, and whether the repair lowered it.
 */
export const checkParses: PairCheck = (_record, { limits, secure, vulnerable }) => {
  // Such a text fails for its length; hostile nesting can cost the parser seconds per 100,000 characters.
  if (secure.text.length > MAX_GROWTH * vulnerable.text.length + MAX_ADDED_CHARS)
    return pass('parses', 'not parsed, since it is so much longer than the vulnerable side');
  // The other side could not be so much better that this one fails; nothing is gained by parsing it.
  if (secure.cleanShare >= Math.max(1 - limits.maxParseLoss, limits.minCleanShare))
    return pass('parses', 'ok', { secureCleanShare: secure.cleanShare });
  const evidence = { vulnerableCleanShare: vulnerable.cleanShare, secureCleanShare: secure.cleanShare };
  const loss = vulnerable.cleanShare - secure.cleanShare;
  if (loss > limits.maxParseLoss)
    return fail(
      'parses',
      'secure-parses-worse',
      `${percent(secure.cleanShare)} of the secure side lies outside syntax errors, against ${percent(vulnerable.cleanShare)} of the vulnerable one.`,
      evidence,
    );
  if (secure.cleanShare < limits.minCleanShare)
    return fail(
      'parses',
      'hard-to-parse',
      `Only ${percent(secure.cleanShare)} of the secure side lies outside syntax errors; the vulnerable side is no better, so the source may be cut or full of macros.`,
      evidence,
      'warn',
    );
  return pass('parses', 'ok', evidence);
};

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
