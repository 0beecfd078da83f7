import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '@srcode/core';
import { openDataset, type PrimeVulPlusRecord, type Split } from '@srcode/dataset';
import type { ByteLevelTokenizer } from '@srcode/model';
import { sftTokenWeights } from '@srcode/rewards';
import type { RolloutPrompt, SftExample } from '@srcode/trainer';
import { openRecords } from '../data/open-records.js';
import { encodeExample, encodePrompt, openingOf } from '../training/chat-ids.js';

export interface TrainingData {
  readonly records: readonly PrimeVulPlusRecord[];
  /** File whose hash goes in the manifest. */
  readonly file: string;
  /** What the dataset's manifest says is recorded or replayed. */
  readonly synthetic: readonly string[];
}

/** PrimeVul+ records of one split. Throws `InputError` for data without prompts, or without a record in the split. */
export async function readTrainingData(
  path: string,
  split: Split | 'all',
  signal: AbortSignal,
): Promise<TrainingData> {
  const source = await openRecords(path);
  if (source.kind !== 'prime-vul-plus') {
    throw new InputError({
      code: 'DATASET_WRONG_KIND',
      message: `${path}: expected PrimeVul+ records (pairs with implicit prompts, from \`srcode dataset validate\`), found ${source.kind}. Training needs prompts; build them with \`srcode dataset build --teacher-url …\`.`,
      context: { path, kind: source.kind },
    });
  }
  const records: PrimeVulPlusRecord[] = [];
  let others = 0;
  for await (const record of source.records(signal)) {
    if (split === 'all' || record.split === split) records.push(record as PrimeVulPlusRecord);
    else others++;
  }
  if (records.length === 0) {
    throw new InputError({
      code: 'DATASET_EMPTY',
      message: `${path}: expected records of split "${split}", found none (${others} of other splits). Choose another --split.`,
      context: { path, split },
    });
  }
  const synthetic = await openDataset(path).then(
    ({ manifest }) => manifest.synthetic,
    () => [],
  );
  const isFolder = (await stat(path)).isDirectory();
  return { records, file: isFolder ? join(path, 'data.jsonl') : path, synthetic };
}

export interface EncodeOptions {
  readonly tokenizer: ByteLevelTokenizer;
  /** Positions that the model has. */
  readonly maxLength: number;
  /** Begin every answer with the function's signature, which is then not learnt. */
  readonly signature: boolean;
}

/** What fits the model, and how many did not. */
export interface Encoded<T> {
  readonly items: readonly T[];
  readonly tooLong: number;
}

function keepFitting<T>(all: readonly T[], fits: (item: T) => boolean, what: string): Encoded<T> {
  const items = all.filter(fits);
  if (items.length > 0) return { items, tooLong: all.length - items.length };
  throw new InputError({
    code: 'TRAINING_DATA_TOO_LONG',
    message: `Expected ${what} that fit the model's positions, found none of ${all.length} that do. Use a model with more positions, shorter answers (--max-tokens), or other data.`,
    context: { count: all.length },
  });
}

/** One example per prompt of every record: implicit prompt → secure answer; tokens that make it secure may weigh more. */
export function encodeExamples(
  records: readonly PrimeVulPlusRecord[],
  options: EncodeOptions & { readonly securityWeight: number },
): Encoded<SftExample> {
  const { tokenizer, maxLength, signature, securityWeight } = options;
  const examples = records.flatMap((record) => {
    const opening = signature ? openingOf(record.secure) : '';
    return record.prompts.map((prompt) => {
      const example = encodeExample(tokenizer, prompt.text, record.secure, { opening });
      return securityWeight === 1
        ? example
        : weighExample(example, record, opening, tokenizer, securityWeight);
    });
  });
  return keepFitting(examples, ({ tokenIds }) => tokenIds.length <= maxLength, 'examples');
}

function weighExample(
  example: SftExample,
  record: PrimeVulPlusRecord,
  opening: string,
  tokenizer: ByteLevelTokenizer,
  securityWeight: number,
): SftExample {
  const answerIds = example.tokenIds.subarray(example.promptLength, example.tokenIds.length - 1);
  const { offsets } = tokenizer.decodeWithOffsets(answerIds);
  const shifted = offsets.map(([start, end]) => [start + opening.length, end + opening.length] as const);
  const tokenWeights = new Float32Array(example.tokenIds.length).fill(1);
  tokenWeights.set(sftTokenWeights(record, shifted, { securityWeight }), example.promptLength);
  return { ...example, tokenWeights };
}

/** The prompts that rollouts start from; those that leave no room for `maxNewTokens` are left out. */
export function encodePrompts(
  records: readonly PrimeVulPlusRecord[],
  options: EncodeOptions & { readonly maxNewTokens: number },
): Encoded<RolloutPrompt> {
  const prompts = records.flatMap((record) =>
    record.prompts.map((prompt) => ({
      sourceId: record.id,
      promptText: prompt.text,
      promptIds: encodePrompt(
        options.tokenizer,
        prompt.text,
        options.signature ? openingOf(record.secure) : '',
      ),
    })),
  );
  const room = options.maxLength - options.maxNewTokens;
  return keepFitting(prompts, ({ promptIds }) => promptIds.length <= room, 'prompts');
}
