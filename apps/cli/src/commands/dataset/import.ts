import { createManifest, InputError, Rng } from '@srcode/core';
import {
  assignSplits,
  checkLeakage,
  deduplicate,
  type ImportReport,
  importPairs,
  importPrimeVul,
  saveDataset,
  type VulnerableFunction,
} from '@srcode/dataset';
import type { Command } from 'commander';
import type { CliIo } from '../../cli-io.js';
import { parseWhole } from '../../parse-number.js';
import { renderCounts } from '../../render/table.js';
import { type CommonOptions, runAction, withCommonOptions } from '../../run-action.js';

interface ImportCommandOptions extends CommonOptions {
  readonly primevul: string[];
  readonly pairs: string[];
  readonly out: string;
  readonly seed: number;
  readonly dedup: boolean;
  readonly skipBadLines?: boolean;
}

const collect = (value: string, before: string[]): string[] => [...before, value];

export function registerImport(dataset: Command): void {
  withCommonOptions(dataset.command('import'))
    .description('import PrimeVul or pair files: deduplicate, split without leakage, write a dataset folder')
    .option('--primevul <file>', 'PrimeVul v0.1 JSON Lines, paired or not; may be given again', collect, [])
    .option(
      '--pairs <file>',
      'JSON Lines of one pair per line (vulnerable, fixed, …); may be given again',
      collect,
      [],
    )
    .requiredOption('--out <folder>', 'folder to write')
    .option('--seed <n>', 'seed of the split', parseWhole(), 1)
    .option('--no-dedup', 'keep duplicates')
    .option('--skip-bad-lines', 'report malformed lines and go on, instead of stopping at the first')
    .addHelpText(
      'after',
      '\nExample:\n  srcode dataset import --primevul primevul_train_paired.jsonl --out data/functions --json',
    )
    .action(runAction(importAction));
}

async function importAction(options: ImportCommandOptions, io: CliIo): Promise<void> {
  if (options.primevul.length + options.pairs.length === 0) {
    throw new InputError({
      code: 'USAGE',
      message:
        'Expected at least one --primevul or --pairs file, got none. See `srcode dataset import --help`.',
    });
  }
  const records: VulnerableFunction[] = [];
  const files: {
    file: string;
    lines: number;
    records: number;
    skipped: ImportReport['skipped'];
    malformed: number;
    errors: string[];
  }[] = [];
  const mode = { onError: options.skipBadLines ? 'collect' : 'throw', signal: io.signal } as const;
  const jobs = [
    ...options.primevul.map((file) => [file, importPrimeVul(file, mode)] as const),
    ...options.pairs.map((file) => [file, importPairs(file, mode)] as const),
  ];
  const taken = new Set<string>();
  for (const [file, job] of jobs) {
    let step = await job.next();
    for (; !step.done; step = await job.next()) {
      const record = step.value;
      // Two files may number their rows alike; ids are made unique over all of them.
      let id = record.id;
      for (let copy = 2; taken.has(id); copy++) id = `${record.id}-${copy}`;
      taken.add(id);
      records.push(id === record.id ? record : { ...record, id });
      if (records.length % 100 === 0)
        io.progress({ type: 'progress', stage: 'import', completed: records.length });
    }
    const report = step.value;
    files.push({
      file,
      lines: report.lines,
      records: report.records,
      skipped: report.skipped,
      malformed: report.errorCount,
      errors: report.errors.slice(0, 20).map((error) => error.message),
    });
  }
  io.endProgress();
  const { kept, dropped } = options.dedup ? deduplicate(records) : { kept: records, dropped: [] };
  const split = assignSplits(kept, { rng: Rng.fromSeed(options.seed) });
  const leakage = checkLeakage(split);
  const manifest = await createManifest({
    command: 'dataset import',
    options: { ...options },
    seed: options.seed,
    inputs: Object.fromEntries(
      [...options.primevul, ...options.pairs].map((file, index) => [`input-${index}`, file]),
    ),
    extra: { dropped: dropped.length, leakage: leakage.counts },
  });
  await saveDataset(options.out, 'functions', split, { manifest, signal: io.signal });
  const summary = {
    out: options.out,
    read: records.length,
    duplicates: {
      exact: dropped.filter((drop) => drop.reason === 'exact').length,
      near: dropped.filter((drop) => drop.reason === 'near').length,
    },
    functions: split.length,
    withHumanFix: split.filter((record) => record.humanFix !== null).length,
    groups: new Set(split.map((record) => record.group)).size,
    splits: leakage.splitCounts,
    leakage: { ok: leakage.ok, ...leakage.counts },
    files,
  };
  if (io.json) return io.out(JSON.stringify(summary, null, 2));
  for (const file of files) {
    io.out(
      `${file.file}: ${file.lines} lines, ${file.records} records${file.malformed ? `, ${file.malformed} malformed` : ''}`,
    );
    for (const message of file.errors) io.note(`  ${message}`);
  }
  io.out(`duplicates dropped: ${summary.duplicates.exact} exact, ${summary.duplicates.near} near`);
  io.out(
    `${summary.functions} functions (${summary.withHumanFix} with a human fix) in ${summary.groups} groups → ${options.out}`,
  );
  io.out(renderCounts('splits', summary.splits));
  io.out(
    leakage.ok
      ? 'leakage between splits: none found'
      : `leakage between splits: ${JSON.stringify(leakage.counts)}`,
  );
  io.out(
    `next: srcode dataset build --in ${options.out} --out data/pairs --teacher-url … (or --human-fixes)`,
  );
}
