import type { Diagnosis, Reflection } from '@srcode/dataset';
import { z } from 'zod';
import { writeBlock } from '../internal/function-block.js';
import { BLOCK_RULE, describeFunction } from './describe-function.js';
import { describeDiagnosis } from './repair.js';
import { type ChatMessage, type Stage, type StageName, stageLine, type TeacherView } from './stage.js';

export const reflectionAnswerSchema = z.object({
  verdict: z.preprocess(
    (value) => (typeof value === 'string' ? value.trim().toLowerCase() : value),
    z.enum(['accept', 'revise', 'reject']),
  ),
  confidence: z.number().min(0).max(1),
  issues: z.array(z.string().trim().min(1).max(2000)).max(20),
});

export interface ReflectInput {
  readonly view: TeacherView;
  readonly diagnosis: Diagnosis;
  readonly repair: string;
  /** 1-based. For `vote`, the number of the vote. */
  readonly round: number;
  /** Reflections on earlier drafts. */
  readonly earlier: readonly Reflection[];
}

function buildReviewMessages(name: StageName, input: ReflectInput): readonly ChatMessage[] {
  const { view, diagnosis, repair, round, earlier } = input;
  return [
    {
      role: 'system',
      content: [
        'You are a strict reviewer of security repairs in C and C++. You look for reasons why a repair is wrong.',
        BLOCK_RULE,
        'Check in turn: Is the flaw gone on every path? Does the repair keep what the function does on valid input, its signature, return values and error codes, locks and ownership? Does it bring in a new flaw, a leak or undefined behaviour? Does it compile, with names that exist? Is anything left out or replaced by a placeholder?',
        'Answer with one JSON object and nothing else:',
        '{"verdict": "accept" | "revise" | "reject", "confidence": number, "issues": string[]}',
        'accept: right as it stands. revise: wrong, but it can be put right in this function. reject: it cannot be put right in this function, or the function does not have the flaw. confidence: probability from 0 to 1 that this repair removes the flaw and keeps the behaviour, whatever the verdict. issues: what is wrong, or what you checked, most important first.',
        stageLine(name, round),
      ].join('\n'),
    },
    {
      role: 'user',
      content: [
        'Review this repair.',
        describeFunction(view, 'with-flaw'),
        describeDiagnosis(diagnosis),
        writeBlock('REPAIRED FUNCTION', repair),
        ...(earlier.length === 0
          ? []
          : [
              `Issues raised on earlier drafts:\n${earlier.flatMap((reflection) => reflection.issues.map((issue) => `- ${issue}`)).join('\n')}`,
            ]),
      ].join('\n\n'),
    },
  ];
}

/** Asks the teacher to judge its own repair; `revise` starts another round. */
export const reflectStage: Stage<ReflectInput, typeof reflectionAnswerSchema> = {
  name: 'reflect',
  schema: reflectionAnswerSchema,
  buildMessages: (input) => buildReviewMessages('reflect', input),
};

/** Asks again, independently, for the same judgement on the final repair; see `combineVotes`. */
export const voteStage: Stage<ReflectInput, typeof reflectionAnswerSchema> = {
  name: 'vote',
  schema: reflectionAnswerSchema,
  buildMessages: (input) => buildReviewMessages('vote', input),
};
