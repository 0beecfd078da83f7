import { z } from 'zod';
import { BLOCK_RULE, describeFunction } from './describe-function.js';
import { type Stage, stageLine, type TeacherView } from './stage.js';

/** Styles asked for by default; what each means stands in the prompt. */
export const DEFAULT_PROMPT_STYLES: readonly string[] = ['terse', 'detailed', 'scenario'];

const STYLE_NOTES: Readonly<Record<string, string>> = {
  terse: 'one or two sentences, as in a commit message or a to-do',
  detailed: 'a paragraph that goes through the behaviour step by step',
  scenario: 'in the first person, from a programmer who tells what they are building and what they need',
  question: 'a question, as put to a colleague or a forum',
};

/** 16: more styles than anyone has asked for; a longer list is a runaway answer. */
const MAX_PROMPTS = 16;

export const promptsAnswerSchema = z.object({
  prompts: z
    .array(
      z.object({
        style: z.string().trim().min(1).max(40),
        text: z.string().trim().min(1).max(4000),
      }),
    )
    .min(1)
    .max(MAX_PROMPTS),
});

export interface WritePromptsInput {
  readonly view: TeacherView;
  readonly styles: readonly string[];
}

/**
 * Asks for implicit prompts. The stage shows the vulnerable function and nothing about the flaw or the
 * repair, so that a prompt cannot ask for what the repair adds (our choice, not the paper's).
 */
export const writePromptsStage: Stage<WritePromptsInput, typeof promptsAnswerSchema> = {
  name: 'prompts',
  schema: promptsAnswerSchema,
  buildMessages: ({ view, styles }) => [
    {
      role: 'system',
      content: [
        'You write the requests that programmers send to a coding assistant.',
        BLOCK_RULE,
        'For the function shown, write requests whose natural answer is a function with this name, signature and purpose. Say what it does, what goes in, what comes out, which helpers of the code base it works with. Give the full signature in each request.',
        'Never mention or hint at security, safety, vulnerabilities, attacks, validation, bounds, overflow, hardening, robustness or correctness of memory handling; do not ask for checks; do not copy statements of the code. The requests differ from one another in wording and in what they stress.',
        'Answer with one JSON object and nothing else:',
        '{"prompts": [{"style": string, "text": string}]}',
        `One request per style, in this order:\n${styles.map((style) => `- ${style}: ${STYLE_NOTES[style] ?? 'as the name says'}`).join('\n')}`,
        stageLine('prompts', 1),
      ].join('\n'),
    },
    {
      role: 'user',
      content: `Write the requests for this function.\n\n${describeFunction(view, 'code-only')}`,
    },
  ],
};
