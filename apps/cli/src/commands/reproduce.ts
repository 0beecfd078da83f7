import { resolve } from 'node:path';
import { InputError } from '@srcode/core';
import { type Command, Option } from 'commander';
import type { CliIo } from '../cli-io.js';
import { parseWhole } from '../parse-number.js';
import { percent, renderTable } from '../render/table.js';
import {
  type ReproductionEvent,
  type ReproductionResult,
  runReproduction,
} from '../reproduce/run-reproduction.js';
import { tinyPreset } from '../reproduce/tiny-preset.js';
import { type CommonOptions, runAction, withCommonOptions } from '../run-action.js';

interface ReproduceOptions extends CommonOptions {
  readonly preset: string;
  readonly seeds?: number;
  readonly seed: number;
  readonly out?: string;
  readonly concurrency?: number;
}

const presets = { tiny: tinyPreset } as const;

export function registerReproduce(program: Command): void {
  withCommonOptions(program.command('reproduce'))
    .description(
      'run the whole paper: corpus, teacher, validation, pretraining, SFT, PPO with each reward placement, benchmark, report',
    )
    .addOption(
      new Option('--preset <name>', 'size of the reproduction').choices(Object.keys(presets)).default('tiny'),
    )
    .option('--seeds <n>', 'training seeds per arm (default: the preset’s)', parseWhole(1))
    .option('--seed <n>', 'first seed', parseWhole(), 1)
    .option('--out <folder>', 'run folder (default: runs/<preset>)')
    .option('--concurrency <n>', 'stages at a time (default: cores, at most 4)', parseWhole(1))
    .option('--resume', 'go on where an earlier run in the folder stopped; this is what happens anyway')
    .addHelpText('after', '\nExample:\n  srcode reproduce --preset tiny --seeds 3 --out runs/tiny')
    .action(runAction(reproduceAction));
}

async function reproduceAction(options: ReproduceOptions, io: CliIo): Promise<void> {
  const preset = presets[options.preset as keyof typeof presets];
  if (preset === undefined)
    throw new InputError({
      code: 'USAGE',
      message: `Expected --preset to be one of ${Object.keys(presets).join(', ')}, got "${options.preset}".`,
    });
  const runFolder = options.out ?? `runs/${preset.name}`;
  const seeds = Array.from({ length: options.seeds ?? preset.seeds }, (_, index) => options.seed + index);
  io.note(
    `Reproducing the paper at preset "${preset.name}", ${seeds.length} seed${seeds.length === 1 ? '' : 's'}, in ${runFolder}`,
  );
  io.note(
    'Teacher: RECORDED answers, replayed. Model: tiny, trained from scratch. See the report for what that means.',
  );
  const result = await runReproduction({
    preset,
    seeds,
    runFolder,
    signal: io.signal,
    onEvent: (event) => renderEvent(event, io),
    ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
  });
  io.endProgress();
  renderResult(result, io);
}

function renderEvent(event: ReproductionEvent, io: CliIo): void {
  if (event.type === 'stage-start') return;
  if (event.type === 'stage-end') {
    const memory = event.peakBytes === null ? '' : `, peak ${(event.peakBytes / 2 ** 20).toFixed(0)} MiB`;
    const time = event.skipped ? 'done before' : `${event.seconds.toFixed(1)} s${memory}`;
    io.note(
      `[${String(event.completed).padStart(String(event.total).length)}/${event.total}] ${event.stage}: ${event.summary} (${time})`,
    );
    return;
  }
  io.progress(event);
}

function renderResult(result: ReproductionResult, io: CliIo): void {
  const { summary, comparisons, html, backend, seconds } = result;
  if (io.json) {
    io.out(
      JSON.stringify(
        {
          runFolder: result.runFolder,
          backend,
          seconds,
          stageSeconds: result.stageSeconds,
          peakBytes: result.peakBytes,
          report: resolve(html),
          arms: result.arms,
          summary,
          comparisons,
        },
        null,
        2,
      ),
    );
    return;
  }
  const interval = (range: readonly [number, number] | null | undefined) =>
    range ? ` [${(range[0] * 100).toFixed(0)}–${(range[1] * 100).toFixed(0)}]` : '';
  io.out(
    renderTable(
      ['arm', 'n', 'parses', 'functional', 'secure', 'secure & functional', 'high+medium findings / sample'],
      summary.map((arm) => [
        arm.arm,
        arm.n,
        percent(arm.parseRate),
        percent(arm.functionalRate) + interval(arm.intervals.functionalRate),
        percent(arm.secureRate) + interval(arm.intervals.secureRate),
        percent(arm.secureAndFunctionalRate) + interval(arm.intervals.secureAndFunctionalRate),
        ((arm.findings.critical + arm.findings.high + arm.findings.medium) / arm.n).toFixed(3),
      ]),
    ),
  );
  io.out(
    `backend ${backend}; ${seconds.toFixed(0)} s this time${result.peakBytes === null ? '' : `, at most ${(result.peakBytes / 2 ** 20).toFixed(0)} MiB in a stage's process`}; teacher replayed, model tiny: compare the arms, not the absolute rates`,
  );
  io.out(`results: ${resolve(result.runFolder, 'results.json')}`);
  io.out(`report:  ${resolve(html)}`);
}
