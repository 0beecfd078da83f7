import { type ByteLevelTokenizer, formatChat } from '@srcode/model';
import type { SftExample } from '@srcode/trainer';

/**
 * The part of a function that the prompt gives away: its signature and opening brace, as in autocomplete benchmarks.
 *
 * A model of under a million parameters cannot learn, in minutes, to copy a new function's name from a request; given the
 * opening line it can be asked what the body should be, which is what the comparison is about. Empty when there is no brace.
 */
export function openingOf(code: string): string {
  const brace = code.indexOf('{');
  return brace === -1 ? '' : code.slice(0, brace + 1);
}

/** Ids of a prompt up to the point where the model goes on, by the tokenizer's own chat template; `opening` begins the answer. */
export function encodePrompt(tokenizer: ByteLevelTokenizer, prompt: string, opening = ''): Int32Array {
  const chat = tokenizer.encode(formatChat(tokenizer.files.config, [{ role: 'user', content: prompt }]));
  return opening === '' ? chat : concat(chat, tokenizer.encode(opening));
}

/** Prompt and answer as one example; the loss is on what follows the opening, end token included. */
export function encodeExample(
  tokenizer: ByteLevelTokenizer,
  prompt: string,
  answer: string,
  options: { readonly opening?: string; readonly learnPrompt?: boolean } = {},
): SftExample {
  const { opening = '' } = options;
  const promptIds = encodePrompt(tokenizer, prompt, opening);
  const tokenIds = concat(
    promptIds,
    tokenizer.encode(answer.slice(opening.length)),
    Int32Array.of(tokenizer.eosTokenId),
  );
  return { tokenIds, promptLength: options.learnPrompt ? 0 : promptIds.length };
}

function concat(...parts: readonly Int32Array[]): Int32Array {
  const whole = new Int32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
