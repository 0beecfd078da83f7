import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonl } from '@srcode/core';
import { type PrimeVulPlusRecord, primeVulPlusRecordSchema } from '@srcode/dataset';
import { type ByteLevelTokenizer, loadTokenizer } from '@srcode/model';
import { z } from 'zod';
import { inRun, runPaths } from '../run-folder.js';
import type { StageContext } from '../stage-context.js';

export const pretrainTextSchema = z.object({
  id: z.string(),
  family: z.string(),
  side: z.enum(['secure', 'vulnerable']),
  prompt: z.string(),
  code: z.string(),
});

/** The PrimeVul+ records of the run. */
export async function readPairs(context: StageContext): Promise<PrimeVulPlusRecord[]> {
  const records: PrimeVulPlusRecord[] = [];
  for await (const record of readJsonl(
    inRun(context.runFolder, runPaths.primeVulPlus),
    primeVulPlusRecordSchema,
  ))
    records.push(record);
  return records;
}

/** The run's own tokenizer. */
export async function readTokenizer(runFolder: string): Promise<ByteLevelTokenizer> {
  const read = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(join(inRun(runFolder, runPaths.tokenizer), name), 'utf8'));
  return loadTokenizer(await read('tokenizer.json'), await read('tokenizer_config.json'));
}
