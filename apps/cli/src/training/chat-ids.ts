import { type ByteLevelTokenizer, formatChat } from '@srcode/model';
import type { SftExample } from '@srcode/trainer';

/** Ids of a prompt up to the point where the model answers, by the tokenizer's own chat template. */
export function encodePrompt(tokenizer: ByteLevelTokenizer, prompt: string): Int32Array {
  return tokenizer.encode(formatChat(tokenizer.files.config, [{ role: 'user', content: prompt }]));
}

/** Prompt and answer as one example; the loss is on the answer and its end token, or on all with `learnPrompt`. */
export function encodeExample(
  tokenizer: ByteLevelTokenizer,
  prompt: string,
  answer: string,
  options: { readonly learnPrompt?: boolean } = {},
): SftExample {
  const promptIds = encodePrompt(tokenizer, prompt);
  const answerIds = tokenizer.encode(answer);
  const tokenIds = new Int32Array(promptIds.length + answerIds.length + 1);
  tokenIds.set(promptIds);
  tokenIds.set(answerIds, promptIds.length);
  tokenIds[tokenIds.length - 1] = tokenizer.eosTokenId;
  return { tokenIds, promptLength: options.learnPrompt ? 0 : promptIds.length };
}
