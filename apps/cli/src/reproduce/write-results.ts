import { existsSync } from 'node:fs';
import {
  type ArmComparison,
  type ArmEntry,
  type ArmSummary,
  compareArms,
  summarizeArm,
  summarizeSeeds,
  writeResults,
} from '@srcode/benchmarks';
import { type Manifest, Rng, readJsonl, writeFileAtomic } from '@srcode/core';
import { type BenchResult, benchResultSchema } from '@srcode/dataset';
import { loadRunFolder, renderMarkdownReport, renderReport } from '@srcode/viewer';
import { armNames } from './preset.js';
import { inRun, runPaths } from './run-folder.js';

export interface ResultsInput {
  readonly runFolder: string;
  readonly preset: string;
  readonly seeds: readonly number[];
  readonly backend: string;
  readonly teacher: unknown;
  readonly manifest: Manifest;
}

export interface RunResultsSummary {
  readonly arms: readonly ArmEntry[];
  readonly summary: readonly ArmSummary[];
  readonly comparisons: readonly ArmComparison[];
}

/** Comparisons that answer the paper's questions. */
const questions: readonly (readonly [string, string])[] = [
  ['sft', 'base'],
  ['ppo-token', 'base'],
  ['ppo-token', 'sft'],
  ['ppo-token', 'sft-more'],
  ['ppo-token', 'ppo-line'],
  ['ppo-token', 'ppo-instance'],
  ['ppo-instance', 'sft'],
  ['sft-more', 'sft'],
];

async function readBench(runFolder: string, arm: string, seeds: readonly number[]): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  for (const seed of seeds) {
    const path = inRun(runFolder, runPaths.bench(arm, seed));
    if (existsSync(path)) for await (const result of readJsonl(path, benchResultSchema)) results.push(result);
  }
  return results;
}

/** Writes `results.json` from the benchmark files of all arms and seeds. */
export async function writeRunResults(input: ResultsInput): Promise<RunResultsSummary> {
  const rng = Rng.fromSeed('results');
  const arms: ArmEntry[] = [];
  const byArm = new Map<string, BenchResult[]>();
  for (const arm of armNames) {
    const results = await readBench(input.runFolder, arm, input.seeds);
    if (results.length === 0) continue;
    byArm.set(arm, results);
    for (const seed of input.seeds)
      arms.push(
        summarizeArm(
          results.filter((result) => result.seed === seed),
          { rng: rng.fork(arm, seed) },
        ),
      );
  }
  const summary = [...byArm].map(([arm, results]) => summarizeSeeds(results, { rng: rng.fork('all', arm) }));
  const comparisons = questions.flatMap(([arm, against]) => {
    const [mine, theirs] = [byArm.get(arm), byArm.get(against)];
    return mine && theirs ? compareArms(mine, theirs, { rng: rng.fork('compare', arm, against) }) : [];
  });
  await writeResults(inRun(input.runFolder, runPaths.results), {
    preset: input.preset,
    backend: input.backend,
    teacher: input.teacher as { [key: string]: unknown },
    arms,
    summary,
    comparisons,
    manifest: input.manifest,
  });
  return { arms, summary, comparisons };
}

/** Writes `report.md` and `report.html` from whatever the run folder holds. */
export async function writeReports(
  runFolder: string,
  signal?: AbortSignal,
): Promise<{ readonly html: string; readonly markdown: string }> {
  const input = await loadRunFolder(runFolder, signal ? { signal } : {});
  const html = inRun(runFolder, runPaths.reportHtml);
  const markdown = inRun(runFolder, runPaths.reportMarkdown);
  await writeFileAtomic(html, renderReport(input));
  await writeFileAtomic(markdown, renderMarkdownReport(input));
  return { html, markdown };
}
