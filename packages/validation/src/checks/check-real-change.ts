import { fail, pass } from '../internal/outcome.js';
import type { PairCheck } from '../types.js';

/** The sides differ in more than comments and whitespace. */
export const checkRealChange: PairCheck = (record, { hunks }) => {
  if (hunks.length > 0) return pass('real-change', 'ok', { hunks: hunks.length });
  return record.vulnerable === record.secure
    ? fail('real-change', 'no-change', 'The secure side is the vulnerable side.')
    : fail('real-change', 'only-comments-changed', 'The sides differ in comments or whitespace alone.');
};
