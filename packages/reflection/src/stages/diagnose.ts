import type { Diagnosis } from '@srcode/dataset';
import { z } from 'zod';
import { BLOCK_RULE, describeFunction } from './describe-function.js';
import { type Stage, stageLine, type TeacherView } from './stage.js';

/** 100: a diagnosis that names more lines than this names none. */
const MAX_LINES = 100;

export const diagnosisAnswerSchema = z.object({
  cwe: z
    .string()
    .transform((text) => /(?:CWE[-_ ]?)?(\d{1,5})/i.exec(text)?.[1])
    .pipe(z.string({ error: 'expected a CWE identifier such as CWE-787' }))
    .transform((digits) => `CWE-${Number(digits)}`),
  rootCause: z.string().trim().min(1).max(4000),
  vulnerableLines: z.array(z.number().int().positive()).max(MAX_LINES),
});

/** Asks what is wrong with the function, and where. */
export const diagnoseStage: Stage<TeacherView, typeof diagnosisAnswerSchema> = {
  name: 'diagnose',
  schema: diagnosisAnswerSchema,
  buildMessages: (view) => [
    {
      role: 'system',
      content: [
        'You review C and C++ code for memory-safety and other security flaws.',
        BLOCK_RULE,
        'Answer with one JSON object and nothing else:',
        '{"cwe": "CWE-<number>", "rootCause": string, "vulnerableLines": number[]}',
        'cwe: the most specific weakness that this code has. rootCause: in at most five sentences, which value or state goes wrong, how it comes about and what it leads to. vulnerableLines: 1-based line numbers within the function, as few as carry the flaw.',
        'Reports are sometimes attached to the wrong function. If the code does not have the reported flaw, say so in rootCause and describe the nearest real one.',
        stageLine('diagnose', 1),
      ].join('\n'),
    },
    {
      role: 'user',
      content: `Diagnose the vulnerability in this function.\n\n${describeFunction(view, 'with-flaw')}`,
    },
  ],
};

/** The diagnosis with line numbers that do not exist in the function dropped, duplicates too, in order. */
export function tidyDiagnosis(answer: z.output<typeof diagnosisAnswerSchema>, vulnerable: string): Diagnosis {
  const lineCount = vulnerable.split('\n').length;
  const lines = [...new Set(answer.vulnerableLines)].filter((line) => line <= lineCount);
  return { ...answer, vulnerableLines: lines.sort((a, b) => a - b) };
}
