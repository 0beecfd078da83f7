import { extractFirstCodeBlock } from '@srcode/code';

/**
 * The code in a model's answer: its first C or C++ fence, else its first fence, else the whole text; special tokens that
 * chat templates leave behind are dropped. Shared by every suite, so that no arm is read more kindly than another.
 */
export function extractAnswer(completion: string): string {
  const text = completion.replace(/<\|(?:im_end|im_start|endoftext|eot_id|end)\|>|<\/s>|<s>/g, '');
  return extractFirstCodeBlock(text).code.replace(/\r\n/g, '\n');
}
