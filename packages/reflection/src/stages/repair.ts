import type { Diagnosis, Reflection } from '@srcode/dataset';
import { z } from 'zod';
import { writeBlock } from '../internal/function-block.js';
import { BLOCK_RULE, describeFunction } from './describe-function.js';
import { type Stage, stageLine, type TeacherView } from './stage.js';

/** 200,000 characters: several times the longest function in public vulnerability sets. */
const MAX_CODE_CHARS = 200_000;

export const repairAnswerSchema = z.object({
  // Kept to the character: leading indentation is part of the function.
  code: z
    .string()
    .max(MAX_CODE_CHARS)
    .refine((code) => code.trim() !== '', 'expected the repaired function, got nothing'),
  explanation: z.string().max(8000),
});

export interface RepairInput {
  readonly view: TeacherView;
  readonly diagnosis: Diagnosis;
  /** 1 for the first draft; n + 1 after n reflections. */
  readonly round: number;
  /** The draft that was reflected on; null in round 1. */
  readonly previous: string | null;
  readonly reflections: readonly Reflection[];
}

const RULES = [
  'You repair security flaws in C and C++ functions.',
  BLOCK_RULE,
  'Rules: keep name, parameters, return type and everything callers rely on. Change as little as the repair needs: no renaming, reformatting or clean-up, no new comments about the flaw. Write the whole function from its first to its last character, never a placeholder for unchanged parts. Use only types, functions and macros that the code around such a function would plausibly have.',
  'Answer with one JSON object and nothing else:',
  '{"code": string, "explanation": string}',
  'code: the repaired function. explanation: one or two sentences on what changed and why it is enough.',
];

function listIssues(reflections: readonly Reflection[]): string {
  return reflections
    .map(
      (reflection) =>
        `Review ${reflection.round} (${reflection.verdict}, confidence ${reflection.confidence}):\n${reflection.issues.map((issue) => `- ${issue}`).join('\n')}`,
    )
    .join('\n');
}

export function describeDiagnosis(diagnosis: Diagnosis): string {
  const where =
    diagnosis.vulnerableLines.length > 0 ? ` Lines: ${diagnosis.vulnerableLines.join(', ')}.` : '';
  return `Diagnosis: ${diagnosis.cwe}. ${diagnosis.rootCause}${where}`;
}

/** Asks for the whole repaired function; in later rounds for a revision that meets the review's issues. */
export const repairStage: Stage<RepairInput, typeof repairAnswerSchema> = {
  name: 'repair',
  schema: repairAnswerSchema,
  buildMessages: ({ view, diagnosis, round, previous, reflections }) => [
    { role: 'system', content: [...RULES, stageLine('repair', round)].join('\n') },
    {
      role: 'user',
      content: [
        previous === null
          ? 'Repair this function.'
          : 'A review of your repair asks for changes. Write the repaired function again.',
        describeFunction(view, 'with-flaw'),
        describeDiagnosis(diagnosis),
        ...(previous === null
          ? []
          : [writeBlock('REPAIRED FUNCTION', previous), `Reviews so far:\n${listIssues(reflections)}`]),
      ].join('\n\n'),
    },
  ],
  // Models without structured outputs often answer with one fenced block; two or more are ambiguous.
  salvage: (text) => {
    const blocks = [...text.matchAll(/```[a-zA-Z+]*\n([\s\S]*?)\n?```/g)];
    const code = blocks.length === 1 ? blocks[0]?.[1] : undefined;
    if (code === undefined || /^\s*[{[]\s*"/.test(code)) return undefined;
    return { code, explanation: '' };
  },
};
