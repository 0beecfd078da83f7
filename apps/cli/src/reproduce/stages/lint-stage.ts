import { drainJob, writeFileAtomic } from '@srcode/core';
import { lintRewards } from '@srcode/rewards';
import { inRun, runPaths } from '../run-folder.js';
import type { StageContext } from '../stage-context.js';
import { readPairs } from './read-inputs.js';

/** What the rewards of PrimeVul+ look like before compute is spent on them. */
export async function lint(context: StageContext): Promise<string> {
  const report = await drainJob(
    lintRewards(await readPairs(context), { signal: context.signal }),
    context.progress,
  );
  await writeFileAtomic(
    inRun(context.runFolder, runPaths.rewardLint),
    `${JSON.stringify(report, null, 2)}\n`,
  );
  const share = (value: number) => `${(value * 100).toFixed(1)} %`;
  return `${share(report.bothSides.share)} of ${report.pairs} pairs have rewards on both sides; ${share(report.gap.positiveShare)} put secure above vulnerable`;
}
