import { z } from 'zod';

const count = z.number().int().nonnegative();
const counts = z.record(z.string(), count);

/** What validation made of a data set, as `validation.json` holds it. Counts fall, then names rise. */
export const validationReportSchema = z.object({
  total: count,
  accepted: count,
  rejected: count,
  /** Code → records that have it; a record with two faults counts under both. */
  rejectedByCode: counts,
  /** Code of the first fault → records; adds up to `rejected`. */
  rejectedByFirstCode: counts,
  /** Code → records. */
  warningsByCode: counts,
  promptStats: z.object({
    total: count,
    kept: count,
    rejectedByCode: counts,
    keptByStyle: counts,
    /** Kept prompts per record → records with prompts. */
    keptPerRecord: counts,
  }),
  /** CWE → records; a record with two CWEs counts under both, one without under `none`. */
  cweStats: z.record(z.string(), z.object({ total: count, accepted: count })),
  /** Check → records on which it could not be made. */
  skippedByCheck: counts,
  /** Records whose teacher answers are recorded ones. */
  replayed: count,
  /** Name of the judge, or null when none was asked. */
  judge: z.string().nullable(),
});
export type ValidationReport = z.infer<typeof validationReportSchema>;
