import { computeStats } from '@srcode/dataset';
import type { Command } from 'commander';
import type { CliIo } from '../../cli-io.js';
import { openRecords } from '../../data/open-records.js';
import { percent, renderCounts } from '../../render/table.js';
import { type CommonOptions, runAction, withCommonOptions } from '../../run-action.js';

export function registerStats(dataset: Command): void {
  withCommonOptions(dataset.command('stats'))
    .description('weaknesses, sizes, edit shapes, prompts and teacher confidence of a dataset')
    .requiredOption('--in <path>', 'dataset folder or JSON Lines')
    .addHelpText('after', '\nExample:\n  srcode dataset stats --in data/prime-vul-plus')
    .action(runAction(statsAction));
}

async function statsAction(options: CommonOptions & { readonly in: string }, io: CliIo): Promise<void> {
  const source = await openRecords(options.in);
  const stats = await computeStats(source.records(io.signal), { signal: io.signal });
  if (io.json) return io.out(JSON.stringify({ in: options.in, kind: source.kind, ...stats }, null, 2));
  io.out(
    `${stats.records} records of kind ${source.kind}, ${stats.groups} groups, ${stats.projectCount} projects`,
  );
  io.out(renderCounts('splits', stats.splits));
  io.out(renderCounts('languages', stats.languages));
  io.out(renderCounts('weaknesses', stats.cwes));
  const { shapes, records, changedTokenShare } = stats.changes;
  io.out(
    `edit shapes: ${Object.entries(shapes)
      .map(([shape, count]) => `${shape} ${percent(records ? count / records : null)}`)
      .join(', ')}`,
  );
  if (changedTokenShare)
    io.out(
      `changed tokens: median ${percent(changedTokenShare.median)}, p90 ${percent(changedTokenShare.p90)}`,
    );
  if (stats.prompts.total > 0)
    io.out(`${stats.prompts.total} prompts; ${renderCounts('styles', stats.prompts.styles)}`);
  if (Object.keys(stats.teachers).length > 0) io.out(renderCounts('teachers', stats.teachers));
}
