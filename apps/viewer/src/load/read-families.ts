import { benchResultSchema } from '@srcode/dataset';
import type { FamilyOutcome, MissingPart } from '../report-input.js';
import { MAX_FAMILIES } from './load-options.js';
import { listArmFiles, readLinesOf } from './run-files.js';

/** What the table needs of a result; answers and findings are not held. */
const outcomeSchema = benchResultSchema.pick({
  family: true,
  split: true,
  functional: true,
  secure: true,
  secureAndFunctional: true,
});

/** Outcomes by split, family and arm, counted while reading every `bench/<arm>-seed<k>.jsonl`. */
export async function readFamilies(
  runFolder: string,
  missing: MissingPart[],
  signal: AbortSignal | undefined,
): Promise<FamilyOutcome[]> {
  const files = await listArmFiles(runFolder, 'bench');
  if (files.length === 0) missing.push({ part: 'bench/', problem: 'no benchmark results by family' });
  const outcomes = new Map<string, { -readonly [K in keyof FamilyOutcome]: FamilyOutcome[K] }>();
  for (const file of files) {
    for await (const line of readLinesOf(file.path, file.label, outcomeSchema, missing, signal)) {
      const key = JSON.stringify([line.split, line.family, file.arm]);
      let outcome = outcomes.get(key);
      if (!outcome) {
        if (outcomes.size >= MAX_FAMILIES) continue;
        outcome = {
          split: line.split,
          family: line.family,
          arm: file.arm,
          samples: 0,
          measured: 0,
          secureAndFunctional: 0,
          functional: 0,
          secure: 0,
        };
        outcomes.set(key, outcome);
      }
      outcome.samples++;
      if (line.secureAndFunctional !== null) outcome.measured++;
      if (line.secureAndFunctional) outcome.secureAndFunctional++;
      if (line.functional) outcome.functional++;
      if (line.secure) outcome.secure++;
    }
  }
  return [...outcomes.values()];
}
