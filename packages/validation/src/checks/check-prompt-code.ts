import { type LexicalToken, lexTokens } from '@srcode/code';
import { fail, pass } from '../internal/outcome.js';
import type { PromptCheck, SideFacts } from '../types.js';

/** Tokens that the mention of a call, an element or a type has, as in `put(&slot->name, v[i - 1])`; any other makes a statement. */
const MENTION = /^(?:[()[\],.;<>&*:-]|->|::|[\p{L}\p{N}_]+)$/u;
/** 64 places of one token at which a run may start: more only occur in text made to be slow. */
const MAX_PLACES = 64;
/** Keywords that no mention has. */
const STATEMENT_WORD = /^(?:if|else|for|while|do|return|switch|case|goto|break|continue|sizeof)$/;

/** True when a run is code rather than the mention of a call: long enough for its kind. */
function isCode(run: readonly LexicalToken[], minLength: number): boolean {
  const operators = run.filter(({ text }) => /[^\p{L}\p{N}_]/u.test(text)).length;
  // A list of names alone is a sentence.
  if (operators < 3) return false;
  const statement = run.some(({ text }) => !MENTION.test(text) || STATEMENT_WORD.test(text));
  return run.length >= (statement ? minLength : 2 * minLength);
}

/** The run without the punctuation that a sentence may have added at its end. */
function trimEnd(run: readonly LexicalToken[]): readonly LexicalToken[] {
  let end = run.length;
  while (end > 0 && /^[;,.:]$/.test(run[end - 1]!.text)) end--;
  return run.slice(0, end);
}

/** Tokens of the body: what stands after the signature of the main function, or everything without one. */
function bodyTokens(side: SideFacts): readonly LexicalToken[] {
  const start = side.main?.bodyStart ?? 0;
  return side.tokens.filter((token) => token.start >= start);
}

/** Longest run of tokens that `prompt` and `body` share and that is code; as text, with its length. */
function longestSharedRun(
  prompt: readonly LexicalToken[],
  body: readonly LexicalToken[],
  minLength: number,
): { readonly length: number; readonly text: string } | null {
  const places = new Map<string, number[]>();
  for (const [at, { text }] of prompt.entries()) {
    const list = places.get(text);
    if (list === undefined) places.set(text, [at]);
    else if (list.length < MAX_PLACES) list.push(at);
  }
  let best: { readonly length: number; readonly text: string } | null = null;
  for (const [start, { text }] of body.entries()) {
    for (const at of places.get(text) ?? []) {
      // Not the start of a run: it was measured one token earlier.
      if (start > 0 && at > 0 && prompt[at - 1]!.text === body[start - 1]!.text) continue;
      let length = 1;
      while (prompt[at + length] && prompt[at + length]!.text === body[start + length]?.text) length++;
      if (length < minLength || length <= (best?.length ?? 0)) continue;
      const run = trimEnd(prompt.slice(at, at + length));
      if (isCode(run, minLength))
        best = { length: run.length, text: run.map((token) => token.text).join(' ') };
    }
  }
  return best;
}

/** Library calls that repairs bring in and that are spelt like words. */
const LIBRARY_NAMES = new Set(
  'strlcpy strlcat strncpy strncat snprintf vsnprintf strnlen fgets getline calloc reallocarray memmove strtol strtoul mkstemp realpath'.split(
    ' ',
  ),
);

/** Names that `side` has and `other` has not, and that are unmistakably code: with an underscore, digit or inner capital. */
function namesOfOneSide(side: SideFacts, other: SideFacts): Set<string> {
  const known = new Set(other.tokens.map(({ text }) => text));
  const isName = (text: string) =>
    LIBRARY_NAMES.has(text) || (/_|\d|[a-z][A-Z]/.test(text) && text.length >= 4);
  return new Set(
    side.tokens
      .filter(
        ({ kind, text }) => (kind === 'identifier' || kind === 'type') && !known.has(text) && isName(text),
      )
      .map(({ text }) => text),
  );
}

/** A constant in capitals tells a result, such as an error code, and not the way to it. */
const CONSTANT = /^[A-Z][A-Z0-9_]+$/;

/** The prompt gives no code of either body, and no name that only the repair brings in. */
export const checkPromptCode: PromptCheck = ({ text }, context) => {
  const prompt = lexTokens(text.slice(0, context.limits.maxPromptChars));
  const words = new Set(prompt.map((token) => token.text));
  const leaked = [...namesOfOneSide(context.secure, context.vulnerable)].filter((name) => words.has(name));
  const functions = leaked.filter((name) => !CONSTANT.test(name));
  // A prompt that names the vulnerable side's way as well offers a choice and gives nothing away.
  const offersBoth = [...namesOfOneSide(context.vulnerable, context.secure)].some((name) => words.has(name));
  if (functions.length > 0 && !offersBoth)
    return fail(
      'prompt-code',
      'prompt-leaks-repair',
      `The prompt uses names that only the repair has: ${functions.join(', ')}.`,
      { names: functions },
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
  const constants = leaked.filter((name) => CONSTANT.test(name));
  if (constants.length > 0)
    return fail(
      'prompt-code',
      'prompt-names-repair-constant',
      `The prompt uses constants that only the repair has: ${constants.join(', ')}.`,
      { names: constants },
      'warn',
    );
  return pass('prompt-code');
};
