import { fail, pass } from '../internal/outcome.js';
import type { PairCheck } from '../types.js';

/** The repair is a change of the function, not another function: caps on the changed share and on the length. */
export const checkChangeSize: PairCheck = (_record, { hunks, limits, secure, vulnerable }) => {
  const before = vulnerable.tokens.length;
  const after = secure.tokens.length;
  const changed = hunks.reduce(
    (sum, hunk) => sum + hunk.vulnerableEnd - hunk.vulnerableStart + hunk.secureEnd - hunk.secureStart,
    0,
  );
  const evidence = {
    changedTokens: changed,
    changedShare: changed / Math.max(1, before + after),
    lengthRatio: after / Math.max(1, before),
  };
  if (changed <= limits.smallChangeTokens && evidence.lengthRatio >= limits.minLengthRatio)
    return pass('change-size', 'small change', evidence);
  if (evidence.lengthRatio < limits.minLengthRatio)
    return fail(
      'change-size',
      'secure-too-short',
      `The secure side has ${after} tokens, the vulnerable one ${before}: most of the function is gone.`,
      evidence,
    );
  if (evidence.lengthRatio > limits.maxLengthRatio)
    return fail(
      'change-size',
      'secure-too-long',
      `The secure side has ${after} tokens, the vulnerable one ${before}.`,
      evidence,
    );
  if (evidence.changedShare > limits.maxChangedShare)
    return fail(
      'change-size',
      'change-too-large',
      `${changed} of ${before + after} tokens changed: this is a rewrite, not a repair.`,
      evidence,
    );
  return pass('change-size', 'ok', evidence);
};
