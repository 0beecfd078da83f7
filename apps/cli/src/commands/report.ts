import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CliIo } from '../cli-io.js';
import { writeReports } from '../reproduce/write-results.js';
import { type CommonOptions, runAction, withCommonOptions } from '../run-action.js';

export function registerReport(program: Command): void {
  withCommonOptions(program.command('report'))
    .description('write report.html and report.md from a run folder, finished or not')
    .argument('<run>', 'run folder')
    .addHelpText('after', '\nExample:\n  srcode report runs/tiny')
    .action(runAction(reportAction));
}

async function reportAction(_options: CommonOptions, io: CliIo, [run]: readonly string[]): Promise<void> {
  const { html, markdown } = await writeReports(run!, io.signal);
  io.out(
    io.json
      ? JSON.stringify({ html: resolve(html), markdown: resolve(markdown) })
      : `report: ${resolve(html)}\n        ${resolve(markdown)}`,
  );
}
