import { fail, pass } from '../internal/outcome.js';
import type { PromptCheck } from '../types.js';

/** Characters that no sentence has: controls, replacement and private-use characters, unpaired surrogates. */
const NON_TEXT = /[\p{Cc}\p{Co}\p{Cs}\uFFFD]/gu;
/** Fewer words cannot say what a function does. */
const MIN_WORDS = 4;
/** A request is mostly words; below this share of letters it is code, a table or noise. */
const MIN_LETTER_SHARE = 0.5;

/** The prompt is a text of reasonable length. */
export const checkPromptText: PromptCheck = ({ text }, { limits }) => {
  const length = text.trim().length;
  if (length > limits.maxPromptChars)
    return fail(
      'prompt-text',
      'prompt-too-long',
      `The prompt has ${length} characters, more than ${limits.maxPromptChars}.`,
      { length },
    );
  const words = text.match(/[\p{L}\p{N}_]+/gu) ?? [];
  if (length < limits.minPromptChars || words.length < MIN_WORDS)
    return fail(
      'prompt-text',
      'prompt-too-short',
      `The prompt has ${length} characters and ${words.length} words; at least ${limits.minPromptChars} and ${MIN_WORDS} are needed.`,
      { length, words: words.length },
    );
  const odd = text.replace(/[\n\r\t]/g, ' ').match(NON_TEXT)?.length ?? 0;
  const visible = text.replace(/\s/g, '');
  const letterShare = (visible.match(/\p{L}/gu)?.length ?? 0) / visible.length;
  if (odd > 0 || letterShare < MIN_LETTER_SHARE)
    return fail(
      'prompt-text',
      'prompt-not-text',
      `The prompt is not plain text (${odd} odd characters, ${Math.round(letterShare * 100)} % letters).`,
      { odd, letterShare },
    );
  return pass('prompt-text');
};
