import type { LexicalToken } from '@srcode/code';
import { fail, pass } from '../internal/outcome.js';
import type { PairCheck, SideFacts } from '../types.js';

const REFUSAL =
  /\b(?:I(?:'m| am) sorry|I (?:cannot|can't|won't|am unable to|'m unable to)|as an AI|as a language model|I apologi[sz]e|cannot (?:assist|comply|help) with)\b/i;

/** Words in a row, on one line, that a C declaration does not have. */
const PROSE_WORDS = 5;

/** Runs of bare words outside functions, such as "Here is the fixed code"; each as text. */
function findWordRuns(side: SideFacts): string[] {
  const runs: string[] = [];
  let run: LexicalToken[] = [];
  const close = () => {
    if (run.length >= PROSE_WORDS) runs.push(run.map(({ text }) => text).join(' '));
    run = [];
  };
  for (const token of side.tokens) {
    const isWord = /^[A-Za-z']+$/.test(token.text) && token.kind !== 'string';
    if (!isWord || (run[0] && run[0].line !== token.line)) close();
    if (isWord) run.push(token);
  }
  close();
  return runs;
}

/** The secure side is code and nothing else: no refusal, no fence, no sentences around it. */
export const checkProse: PairCheck = (_record, { secure, vulnerable }) => {
  const fence = /^[ \t]*(?:```|~~~)/m;
  if (fence.test(secure.text) && !fence.test(vulnerable.text))
    return fail('prose', 'markdown-fence', 'The secure side holds a Markdown fence.');
  const refusal = REFUSAL.exec(secure.text);
  if (refusal && !REFUSAL.test(vulnerable.text))
    return fail('prose', 'refusal', `The secure side holds a refusal: "${refusal[0]}".`, {
      text: refusal[0],
    });
  const known = new Set(findWordRuns(vulnerable));
  const run = findWordRuns(secure).find((text) => !known.has(text));
  if (run !== undefined)
    return fail('prose', 'prose-in-code', `The secure side holds a sentence: "${run.slice(0, 120)}".`, {
      text: run,
    });
  return pass('prose');
};
