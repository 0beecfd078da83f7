import { fail, pass } from '../internal/outcome.js';
import type { PairCheck } from '../types.js';

/** Warns where the secure side brings more functions than the vulnerable one: the pair no longer is one function. */
export const checkHelpers: PairCheck = (_record, { secure, vulnerable }) => {
  const known = new Set(vulnerable.functions.map(({ name }) => name));
  const added = secure.functions.map(({ name }) => name).filter((name) => !known.has(name));
  if (
    vulnerable.functions.length > 0 &&
    secure.functions.length > vulnerable.functions.length &&
    added.length > 0
  )
    return fail(
      'helpers',
      'extra-functions',
      `The secure side adds functions: ${added.join(', ')}.`,
      { added },
      'warn',
    );
  return pass('helpers');
};
