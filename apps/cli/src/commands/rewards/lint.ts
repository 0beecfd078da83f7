import { drainJob, type JobEvent } from '@srcode/core';
import { lintRewards, type RewardPair } from '@srcode/rewards';
import { type Command, Option } from 'commander';
import type { CliIo } from '../../cli-io.js';
import { openRecords, toPair } from '../../data/open-records.js';
import { openTokenizer } from '../../data/text-tokens.js';
import { parseDecimal, parseWhole } from '../../parse-number.js';
import { percent, renderTable } from '../../render/table.js';
import { type CommonOptions, runAction, withCommonOptions } from '../../run-action.js';
import { createReward } from './tag.js';

interface LintOptions extends CommonOptions {
  readonly in: string;
  readonly tokenizer?: string;
  readonly placement: keyof typeof createReward;
  readonly gamma: number;
  readonly lambda: number;
  readonly whiten?: boolean;
  readonly maxTokens?: number;
}

export function registerLint(rewards: Command): void {
  withCommonOptions(rewards.command('lint'))
    .description('what the rewards of a dataset look like, before compute is spent on them')
    .requiredOption(
      '--in <path>',
      'dataset folder or JSON Lines of pairs (functions count with their human fix)',
    )
    .option('--tokenizer <path>', 'tokenizer.json or its folder; without it, lexical C tokens')
    .addOption(
      new Option('--placement <name>', 'where a hunk’s mass lies')
        .choices(Object.keys(createReward))
        .default('token'),
    )
    .option('--gamma <n>', 'discount', parseDecimal(0, 1), 1)
    .option('--lambda <n>', 'λ of GAE', parseDecimal(0, 1), 0)
    .option('--whiten', 'whiten advantages over a batch')
    .option('--max-tokens <n>', 'longest answer the model can write', parseWhole(1))
    .addHelpText(
      'after',
      '\nExample:\n  srcode rewards lint --in data/prime-vul-plus --gamma 1 --lambda 1 --whiten',
    )
    .action(runAction(lintAction));
}

async function lintAction(options: LintOptions, io: CliIo): Promise<void> {
  const source = await openRecords(options.in);
  let withoutSecureSide = 0;
  async function* pairs(): AsyncGenerator<RewardPair> {
    for await (const record of source.records(io.signal)) {
      const pair = toPair(record);
      if (pair) yield pair;
      else withoutSecureSide++;
    }
  }
  const tokenizer = options.tokenizer === undefined ? undefined : await openTokenizer(options.tokenizer);
  const report = await drainJob(
    lintRewards(pairs(), {
      strategy: createReward[options.placement](),
      gamma: options.gamma,
      lambda: options.lambda,
      whiten: options.whiten === true,
      signal: io.signal,
      ...(options.maxTokens === undefined ? {} : { maxTokens: options.maxTokens }),
      ...(tokenizer === undefined ? {} : { tokenizer }),
      ...(source.size === undefined ? {} : { total: source.size }),
    }),
    (event) => io.progress(event as JobEvent),
  );
  io.endProgress();
  if (io.json)
    return io.out(
      JSON.stringify({ in: options.in, placement: options.placement, withoutSecureSide, ...report }, null, 2),
    );
  const { secure, vulnerable, bothSides, parsed, gap, hunks, truncation, advantages, troubles } = report;
  io.out(
    `${report.pairs} pairs, ${report.tokenization === 'lexical' ? 'lexical C tokens (no tokenizer given)' : 'tokens of the tokenizer'}, ${options.placement} placement`,
  );
  io.out(
    renderTable(
      ['side', 'tokens', 'rewarded', 'mean total', 'empty'],
      [secure, vulnerable].map((side, index) => [
        index === 0 ? 'secure' : 'vulnerable',
        side.tokens,
        percent(side.rewardedShare),
        side.meanTotal.toFixed(3),
        side.empty,
      ]),
    ),
  );
  io.out(
    `rewards on both sides: ${bothSides.count} (${percent(bothSides.share)}); of the ${parsed.count} pairs that parse: ${percent(parsed.bothSidesShare)}, secure above vulnerable in ${percent(parsed.orderedShare)}`,
  );
  io.out(`gap secure − vulnerable: mean ${gap.mean.toFixed(3)}, least ${gap.minimum.toFixed(3)}`);
  io.out(
    `hunks: ${hunks.count} (${hunks.insertionOnly} insert only, ${hunks.deletionOnly} delete only, ${hunks.replacing} replace), ${hunks.meanPerPair.toFixed(2)} per pair`,
  );
  if (truncation.texts > 0)
    io.out(
      `truncation: ${truncation.texts} texts, ${truncation.tokensLost} tokens, ${percent(truncation.massLostShare)} of the reward mass lost`,
    );
  io.out(
    `γ = ${advantages.gamma}, λ = ${advantages.lambda}${advantages.whiten ? ', whitened' : ''}: ${percent(advantages.locality)} of |advantage| stays on rewarded tokens; ${percent(advantages.touchedShare)} of all tokens are touched`,
  );
  for (const [kind, trouble] of Object.entries(troubles)) {
    if (trouble.count > 0)
      io.out(
        `${kind}: ${trouble.count} (${trouble.pairs.slice(0, 3).join(', ')}${trouble.count > 3 ? ', …' : ''})`,
      );
  }
}
