import { jaccardSimilarity, textShingles } from '@srcode/code';
import { fail, pass } from '../internal/outcome.js';
import type { CheckContext, PromptCheck } from '../types.js';

/** The prompt without the function's signature, which all prompts of a record share. */
function withoutSignature(text: string, { vulnerable }: CheckContext): string {
  const { main } = vulnerable;
  if (main === null) return text;
  const squeeze = (part: string) => part.replace(/\s+/g, ' ').trim().toLowerCase();
  const signature = squeeze(vulnerable.text.slice(main.start, main.bodyStart));
  return squeeze(text).replaceAll(signature, ' ');
}

/** The prompt differs from those before it in more than punctuation or a few words. */
export const checkPromptDuplicate: PromptCheck = (prompt, context, earlier) => {
  const own = textShingles(withoutSignature(prompt.text, context));
  for (const [index, other] of earlier.entries()) {
    const similarity = jaccardSimilarity(own, textShingles(withoutSignature(other.text, context)));
    if (similarity >= context.limits.maxPromptSimilarity)
      return fail(
        'prompt-duplicate',
        'prompt-duplicate',
        `The prompt repeats an earlier one (style "${other.style}", ${Math.round(similarity * 100)} % of word triples shared).`,
        { similarity, otherStyle: other.style, otherIndex: index },
      );
  }
  return pass('prompt-duplicate');
};
