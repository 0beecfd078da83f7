import { type ExportFormat, exportDataset, openDataset } from '@srcode/dataset';
import { type Command, Option } from 'commander';
import type { CliIo } from '../../cli-io.js';
import { openRecords } from '../../data/open-records.js';
import { type CommonOptions, runAction, withCommonOptions } from '../../run-action.js';

export function registerExport(dataset: Command): void {
  withCommonOptions(dataset.command('export'))
    .description('write a dataset for other tools: JSON Lines, Parquet, verl, Hugging Face folder, SFT chat')
    .requiredOption('--in <path>', 'dataset folder or JSON Lines')
    .requiredOption('--out <folder>', 'folder to write')
    .addOption(
      new Option('--format <name>', 'what to write')
        .choices(['jsonl', 'parquet', 'verl', 'hf', 'sft'])
        .default('verl'),
    )
    .addHelpText(
      'after',
      '\nExample:\n  srcode dataset export --in data/prime-vul-plus --format verl --out data/verl',
    )
    .action(runAction(exportAction));
}

async function exportAction(
  options: CommonOptions & { readonly in: string; readonly out: string; readonly format: ExportFormat },
  io: CliIo,
): Promise<void> {
  const source = await openRecords(options.in);
  const synthetic = await openDataset(options.in).then(
    (dataset) => dataset.manifest.synthetic,
    () => [],
  );
  const report = await exportDataset(
    { records: () => source.records(io.signal) },
    { format: options.format, out: options.out, synthetic, signal: io.signal },
  );
  io.out(
    io.json
      ? JSON.stringify(report, null, 2)
      : `${report.rows} rows\n${report.files.map((file) => `  ${file.path} (${file.split}, ${file.rows})`).join('\n')}`,
  );
}
