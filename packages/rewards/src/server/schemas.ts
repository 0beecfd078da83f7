import { z } from 'zod';

/** One request of a batch is at most this many answers: PPO batches are hundreds. */
const MAX_ITEMS = 4096;

export const pairSchema = z.strictObject({
  id: z.string().min(1).default('(inline)'),
  vulnerable: z.string().min(1),
  secure: z.string().min(1),
});

const offsetSchema = z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]);

/** One answer to score: the pair or the id of a loaded one, the text, and its tokens in one of three forms. */
export const rewardItemSchema = z
  .strictObject({
    pair: pairSchema.optional(),
    pairId: z.string().min(1).optional(),
    completion: z.string(),
    tokenOffsets: z.array(offsetSchema).optional(),
    tokenTexts: z.array(z.string()).optional(),
    tokenIds: z.array(z.number().int().nonnegative()).optional(),
    strategy: z.string().min(1).optional(),
  })
  .refine((item) => (item.pair === undefined) !== (item.pairId === undefined), {
    error: 'expected exactly one of "pair" and "pairId"',
  })
  .refine(
    (item) =>
      [item.tokenOffsets, item.tokenTexts, item.tokenIds].filter((given) => given !== undefined).length === 1,
    { error: 'expected exactly one of "tokenOffsets", "tokenTexts" and "tokenIds"' },
  );
export type RewardItem = z.infer<typeof rewardItemSchema>;

export const rewardBatchSchema = z.strictObject({ items: z.array(rewardItemSchema).min(1).max(MAX_ITEMS) });

/** What OpenRLHF posts: whole texts, prompts, and labels that name or hold the pair. */
export const openRlhfSchema = z
  .object({
    query: z.array(z.string()).min(1).max(MAX_ITEMS),
    prompts: z.array(z.string()),
    labels: z.array(z.string()),
  })
  .refine(({ query, prompts, labels }) => query.length === prompts.length && query.length === labels.length, {
    error: 'expected "query", "prompts" and "labels" of one length; pass --input_key and --label_key',
  });
export type OpenRlhfRequest = z.infer<typeof openRlhfSchema>;
