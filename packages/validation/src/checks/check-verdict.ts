import { fail, pass } from '../internal/outcome.js';
import type { PairCheck } from '../types.js';

/** The teacher's last word on its own repair was to accept it. Passes where there is none. */
export const checkVerdict: PairCheck = (record) => {
  const last = record.reflections?.at(-1);
  if (last === undefined) return pass('verdict', 'no reflection on record');
  const evidence = { rounds: record.reflections?.length, issues: last.issues.slice(0, 3) };
  if (last.verdict === 'reject')
    return fail('verdict', 'teacher-rejected', 'The teacher rejected its own repair.', evidence);
  if (last.verdict === 'revise')
    return fail(
      'verdict',
      'teacher-unsettled',
      'The teacher still wanted changes when reflection ended.',
      evidence,
    );
  return pass('verdict', 'ok', { rounds: record.reflections?.length });
};
