import { z } from 'zod';

/** The contents of `tokenizer.json` and `tokenizer_config.json`. */
export interface TokenizerFiles {
  readonly tokenizer: Readonly<Record<string, unknown>>;
  readonly config: Readonly<Record<string, unknown>>;
}

/** 2^21 ids: eight times the largest published vocabulary. */
const tokenId = z
  .number()
  .int()
  .nonnegative()
  .max(1 << 21);
const componentSchema = z.looseObject({ type: z.string() });

export const tokenizerJsonSchema = z.looseObject({
  added_tokens: z
    .array(z.looseObject({ id: tokenId, content: z.string().min(1), special: z.boolean().default(false) }))
    .default([]),
  decoder: componentSchema.nullish(),
  model: z.looseObject({
    type: z.string(),
    vocab: z.record(z.string(), tokenId),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
  }),
});

const specialTokenSchema = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();

export const tokenizerConfigSchema = z.looseObject({
  bos_token: specialTokenSchema,
  eos_token: specialTokenSchema,
  pad_token: specialTokenSchema,
  chat_template: z
    .union([z.string(), z.array(z.looseObject({ name: z.string(), template: z.string() }))])
    .nullish(),
});

/** The text of a special token given as a string or as an `AddedToken` object; undefined when absent. */
export function specialTokenText(token: z.infer<typeof specialTokenSchema>): string | undefined {
  return typeof token === 'string' ? token : token?.content;
}
