import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { compareArms } from '@srcode/benchmarks';
import { Rng, readJsonl, wrapFileError } from '@srcode/core';
import { type BenchResult, benchResultSchema } from '@srcode/dataset';
import type { Command } from 'commander';
import type { CliIo } from '../../cli-io.js';
import { parseWhole } from '../../parse-number.js';
import { renderTable } from '../../render/table.js';
import { type CommonOptions, runAction, withCommonOptions } from '../../run-action.js';

export function registerCompare(bench: Command): void {
  withCommonOptions(bench.command('compare'))
    .description('paired differences between two arms on the tasks both answered')
    .argument('<a>', 'results.jsonl of an arm, or the folder of its benchmark')
    .argument('<b>', 'what it is compared with')
    .option('--seed <n>', 'seed of the bootstrap', parseWhole(), 1)
    .addHelpText('after', '\nExample:\n  srcode bench compare bench/ppo bench/sft')
    .action(runAction(compareAction));
}

async function readArm(path: string, signal: AbortSignal): Promise<BenchResult[]> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    (error: unknown) => {
      throw wrapFileError(error, path, 'read');
    },
  );
  const results: BenchResult[] = [];
  const file = isFolder ? join(path, 'results.jsonl') : path;
  for await (const result of readJsonl(file, benchResultSchema, { signal })) results.push(result);
  return results;
}

async function compareAction(
  options: CommonOptions & { readonly seed: number },
  io: CliIo,
  [first, second]: readonly string[],
): Promise<void> {
  const results = await readArm(first!, io.signal);
  const against = await readArm(second!, io.signal);
  const comparisons = compareArms(results, against, { rng: Rng.fromSeed(options.seed).fork('compare') });
  if (io.json) {
    io.out(JSON.stringify({ a: first, b: second, comparisons }, null, 2));
    return;
  }
  if (comparisons.length === 0) {
    io.out('no task was answered and measured in both');
    return;
  }
  const signed = (value: number) => `${value >= 0 ? '+' : ''}${value.toFixed(3)}`;
  const { arm, against: other } = comparisons[0]!;
  io.out(`${arm} − ${other}; intervals and p-values over families`);
  io.out(
    renderTable(
      ['metric', 'difference', '95 % interval', 'p', 'tasks', 'families'],
      comparisons.map((row) => [
        row.metric,
        signed(row.difference),
        row.interval === null ? '–' : `[${row.interval.map(signed).join(', ')}]`,
        row.pValue === null ? '–' : row.pValue.toFixed(3),
        row.tasks,
        row.families,
      ]),
    ),
  );
}
