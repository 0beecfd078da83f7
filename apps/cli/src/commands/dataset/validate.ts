import { join } from 'node:path';
import { createManifest, type JobEvent, JsonlWriter, writeFileAtomic } from '@srcode/core';
import { openDataset, type PrimeVulPlusRecord, type RepairPair, saveDataset } from '@srcode/dataset';
import { type ValidationReport, validateDataset } from '@srcode/validation';
import type { Command } from 'commander';
import type { CliIo } from '../../cli-io.js';
import { openRecords, toPair } from '../../data/open-records.js';
import { renderCounts } from '../../render/table.js';
import { type CommonOptions, runAction, withCommonOptions } from '../../run-action.js';

export function registerValidate(dataset: Command): void {
  withCommonOptions(dataset.command('validate'))
    .description('check every pair and prompt; what survives is PrimeVul+')
    .requiredOption(
      '--in <path>',
      'dataset folder or JSON Lines of pairs (functions count with their human fix)',
    )
    .option('--out <folder>', 'write the accepted records here, with verdicts and a report')
    .addHelpText('after', '\nExample:\n  srcode dataset validate --in data/pairs --out data/prime-vul-plus')
    .action(runAction(validateAction));
}

async function validateAction(
  options: CommonOptions & { readonly in: string; readonly out?: string },
  io: CliIo,
): Promise<void> {
  const source = await openRecords(options.in);
  const synthetic = await openDataset(options.in).then(
    (dataset) => dataset.manifest.synthetic,
    () => [],
  );
  let withoutSecureSide = 0;
  async function* pairs(): AsyncGenerator<RepairPair | PrimeVulPlusRecord> {
    for await (const record of source.records(io.signal)) {
      const pair = toPair(record);
      if (pair) yield pair;
      else withoutSecureSide++;
    }
  }
  const job = validateDataset(pairs(), {
    signal: io.signal,
    ...(source.size === undefined ? {} : { total: source.size }),
  });
  const verdicts =
    options.out === undefined
      ? null
      : await JsonlWriter.open(join(options.out, 'verdicts.jsonl'), { append: false });
  let report: ValidationReport | undefined;
  async function* accepted(): AsyncGenerator<RepairPair | PrimeVulPlusRecord> {
    for (;;) {
      const step = await job.next();
      if (step.done) {
        report = step.value;
        return;
      }
      if (step.value.type === 'progress') {
        io.progress(step.value as JobEvent);
        continue;
      }
      const { record, verdict } = step.value;
      const { keptPrompts, ...facts } = verdict;
      await verdicts?.write({ ...facts, keptPrompts: keptPrompts.length });
      if (verdict.accepted) yield 'prompts' in record ? { ...record, prompts: [...keptPrompts] } : record;
    }
  }
  try {
    if (options.out === undefined) for await (const _record of accepted());
    else {
      const manifest = await createManifest({
        command: 'dataset validate',
        options: { ...options },
        synthetic,
      });
      const kind = source.kind === 'prime-vul-plus' ? 'prime-vul-plus' : 'pairs';
      await saveDataset(options.out, kind, accepted() as AsyncGenerator<PrimeVulPlusRecord>, {
        manifest,
        signal: io.signal,
      });
      await writeFileAtomic(join(options.out, 'validation.json'), `${JSON.stringify(report, null, 2)}\n`);
    }
  } finally {
    await verdicts?.close();
  }
  io.endProgress();
  const summary = { in: options.in, out: options.out ?? null, withoutSecureSide, ...report! };
  if (io.json) return io.out(JSON.stringify(summary, null, 2));
  io.out(
    `${summary.accepted} of ${summary.total} accepted, ${summary.rejected} rejected${withoutSecureSide ? `, ${withoutSecureSide} without a secure side left out` : ''}`,
  );
  io.out(renderCounts('rejected for', summary.rejectedByCode));
  io.out(renderCounts('warnings', summary.warningsByCode));
  if (summary.promptStats.total > 0)
    io.out(
      `prompts: ${summary.promptStats.kept} of ${summary.promptStats.total} kept; ${renderCounts('dropped for', summary.promptStats.rejectedByCode)}`,
    );
  if (options.out) io.out(`next: srcode rewards lint --in ${options.out}`);
}
