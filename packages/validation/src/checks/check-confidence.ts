import { fail, pass } from '../internal/outcome.js';
import type { PairCheck } from '../types.js';

/** The teacher's confidence reaches the threshold. Passes where there is none, as for human fixes. */
export const checkConfidence: PairCheck = (record, { limits }) => {
  const confidence = record.confidence ?? null;
  if (confidence === null) return pass('confidence', 'no confidence on record');
  if (!(confidence >= limits.minConfidence))
    return fail(
      'confidence',
      'low-confidence',
      `The teacher's confidence is ${confidence}, below ${limits.minConfidence}.`,
      { confidence },
    );
  return pass('confidence', 'ok', { confidence });
};
