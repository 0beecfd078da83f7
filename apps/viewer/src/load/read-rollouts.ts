import type { MissingPart, RolloutSample } from '../report-input.js';
import { type RolloutLine, rolloutLineSchema } from '../schemas.js';
import { EvenSample } from './even-sample.js';
import { listArmFiles, readLinesOf } from './run-files.js';

/** A sample of each `rollouts/<arm>-seed<k>.jsonl`, spread over the run. */
export async function readRollouts(
  runFolder: string,
  maxPerFile: number,
  missing: MissingPart[],
  signal: AbortSignal | undefined,
): Promise<RolloutSample[]> {
  const files = await listArmFiles(runFolder, 'rollouts');
  if (files.length === 0) missing.push({ part: 'rollouts/', problem: 'no rollouts with rewards' });
  const samples: RolloutSample[] = [];
  for (const file of files) {
    const sample = new EvenSample<RolloutLine>(maxPerFile);
    for await (const line of readLinesOf(file.path, file.label, rolloutLineSchema, missing, signal))
      sample.add(line);
    samples.push({ arm: file.arm, seed: file.seed, total: sample.total, shown: sample.items() });
  }
  return samples;
}
