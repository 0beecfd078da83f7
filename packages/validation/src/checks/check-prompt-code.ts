import { type LexicalToken, lexTokens } from '@srcode/code';
import { fail, pass } from '../internal/outcome.js';
import type { CheckContext, PromptCheck, SideFacts } from '../types.js';

/** Of a run of shared tokens this many must be operators or brackets; a list of names alone is no code. */
const MIN_OPERATORS = 3;

/** Tokens of the body: what stands after the signature of the main function, or everything without one. */
function bodyTokens(side: SideFacts): readonly LexicalToken[] {
  const start = side.main?.bodyStart ?? 0;
  return side.tokens.filter((token) => token.start >= start);
}

/** Longest run of tokens of `body` that occurs in `prompt` and has operators enough; as text, with its length. */
function longestSharedRun(
  prompt: readonly LexicalToken[],
  body: readonly LexicalToken[],
  minLength: number,
): { readonly length: number; readonly text: string } | null {
  const starts = new Map<string, number[]>();
  const key = (tokens: readonly LexicalToken[], at: number) =>
    tokens
      .slice(at, at + minLength)
      .map(({ text }) => text)
      .join('\u0000');
  for (let at = 0; at + minLength <= body.length; at++) {
    const name = key(body, at);
    const list = starts.get(name);
    if (list) list.push(at);
    else starts.set(name, [at]);
  }
  let best: { readonly length: number; readonly text: string } | null = null;
  for (let at = 0; at + minLength <= prompt.length; at++) {
    for (const start of starts.get(key(prompt, at)) ?? []) {
      let length = minLength;
      while (prompt[at + length] && prompt[at + length]!.text === body[start + length]?.text) length++;
      const run = prompt.slice(at, at + length);
      const operators = run.filter(({ kind }) => kind === 'operator' || kind === 'punctuation').length;
      if (operators >= MIN_OPERATORS && length > (best?.length ?? 0))
        best = { length, text: run.map(({ text }) => text).join(' ') };
    }
  }
  return best;
}

/** Names that only the secure side has and that are unmistakably code: with an underscore, digit or inner capital. */
function namesOfRepair({ secure, vulnerable }: CheckContext): Set<string> {
  const known = new Set(vulnerable.tokens.map(({ text }) => text));
  const looksLikeCode = (text: string) => /_|\d|[a-z][A-Z]/.test(text) && text.length >= 4;
  return new Set(
    secure.tokens
      .filter(
        ({ kind, text }) =>
          (kind === 'identifier' || kind === 'type') && !known.has(text) && looksLikeCode(text),
      )
      .map(({ text }) => text),
  );
}

/** The prompt gives no code of either body, and no name that only the repair brings in. */
export const checkPromptCode: PromptCheck = ({ text }, context) => {
  const prompt = lexTokens(text);
  const repairNames = namesOfRepair(context);
  const leaked = [
    ...new Set(prompt.filter((token) => repairNames.has(token.text)).map((token) => token.text)),
  ];
  if (leaked.length > 0)
    return fail(
      'prompt-code',
      'prompt-leaks-repair',
      `The prompt uses names that only the repair has: ${leaked.join(', ')}.`,
      {
        names: leaked,
      },
    );
  for (const side of ['secure', 'vulnerable'] as const) {
    const run = longestSharedRun(prompt, bodyTokens(context[side]), context.limits.maxSharedTokens);
    if (run !== null)
      return fail(
        'prompt-code',
        'prompt-leaks-code',
        `The prompt shares ${run.length} tokens in a row with the ${side} body: "${run.text.slice(0, 120)}".`,
        { side, ...run },
      );
  }
  return pass('prompt-code');
};
