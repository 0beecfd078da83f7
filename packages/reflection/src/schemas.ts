import { primeVulPlusRecordSchema } from '@srcode/dataset';
import { z } from 'zod';

/** A PrimeVul+ record as reflection writes it: with the votes that its confidence was made of. */
export const reflectionRecordSchema = primeVulPlusRecordSchema.extend({
  votes: z
    .array(
      z.object({ verdict: z.enum(['accept', 'revise', 'reject']), confidence: z.number().min(0).max(1) }),
    )
    .default([]),
});
export type ReflectionRecord = z.infer<typeof reflectionRecordSchema>;

/** Why a function has no record. */
export const failureCodeSchema = z.enum([
  'no-record',
  'answer-not-json',
  'answer-invalid',
  'answer-empty',
  'answer-truncated',
  'answer-too-large',
  'answer-refused',
  'request-refused',
  'server-error',
  'timeout',
]);
export type FailureCode = z.infer<typeof failureCodeSchema>;

/** A line of the failures file. */
export const reflectionFailureSchema = z.object({
  id: z.string().min(1),
  stage: z.enum(['diagnose', 'repair', 'reflect', 'vote', 'prompts']),
  round: z.number().int().positive(),
  code: failureCodeSchema,
  message: z.string(),
});
export type ReflectionFailure = z.infer<typeof reflectionFailureSchema>;
