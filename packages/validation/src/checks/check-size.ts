import { fail, pass } from '../internal/outcome.js';
import type { PairCheck } from '../types.js';

/** Both sides have text, and not so much that it cannot be one function. Runs before anything is parsed. */
export const checkSize: PairCheck = (record, { limits }) => {
  for (const side of ['vulnerable', 'secure'] as const) {
    const length = record[side].length;
    if (record[side].trim() === '') return fail('size', `${side}-empty`, `The ${side} side is empty.`);
    if (length > limits.maxCodeChars)
      return fail(
        'size',
        `${side}-too-long`,
        `The ${side} side has ${length} characters, more than ${limits.maxCodeChars}.`,
        { length },
      );
  }
  return pass('size');
};
