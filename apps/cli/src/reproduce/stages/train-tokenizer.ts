import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonl, writeFileAtomic } from '@srcode/core';
import { loadTokenizer, tinyChatTemplate, tinySpecialTokens, trainBpe } from '@srcode/model';
import type { Preset } from '../preset.js';
import { inRun, runPaths } from '../run-folder.js';
import type { StageContext } from '../stage-context.js';
import { pretrainTextSchema, readPairs } from './read-inputs.js';

/** A byte-level BPE tokenizer learned from what training sees: pretraining texts and PrimeVul+. */
export async function trainTokenizer(preset: Preset, context: StageContext): Promise<string> {
  const texts: string[] = [];
  for await (const text of readJsonl(inRun(context.runFolder, runPaths.pretrainTexts), pretrainTextSchema))
    texts.push(text.prompt, text.code);
  for (const record of await readPairs(context))
    texts.push(record.secure, ...record.prompts.map((prompt) => prompt.text));
  const files = trainBpe(texts, {
    vocabSize: preset.tokenizer.vocabSize,
    specialTokens: [...tinySpecialTokens],
    eosToken: '<|end|>',
    chatTemplate: tinyChatTemplate,
  });
  const folder = inRun(context.runFolder, runPaths.tokenizer);
  await mkdir(folder, { recursive: true });
  await writeFileAtomic(join(folder, 'tokenizer.json'), JSON.stringify(files.tokenizer));
  await writeFileAtomic(join(folder, 'tokenizer_config.json'), JSON.stringify(files.config, null, 2));
  return `${loadTokenizer(files.tokenizer, files.config).vocabSize} tokens`;
}
