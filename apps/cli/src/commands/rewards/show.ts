import { readFile } from 'node:fs/promises';
import { InputError, wrapFileError } from '@srcode/core';
import type { PrimeVulPlusRecord, RepairPair } from '@srcode/dataset';
import { explainRewards, renderAnsiHeatMap } from '@srcode/rewards';
import { type Command, Option } from 'commander';
import type { CliIo } from '../../cli-io.js';
import { openRecords, toPair } from '../../data/open-records.js';
import { openTextTokens } from '../../data/text-tokens.js';
import { parseWhole } from '../../parse-number.js';
import { type CommonOptions, runAction, withCommonOptions } from '../../run-action.js';
import { createReward } from './tag.js';

interface ShowOptions extends CommonOptions {
  readonly in: string;
  readonly id?: string;
  readonly index: number;
  readonly answer?: string;
  readonly tokenizer?: string;
  readonly placement: keyof typeof createReward;
  readonly color?: boolean;
}

export function registerShow(rewards: Command): void {
  withCommonOptions(rewards.command('show'))
    .description('draw the rewards of a pair, or of any answer to it, as a heat map')
    .requiredOption('--in <path>', 'dataset folder or JSON Lines of pairs')
    .option('--id <id>', 'the pair with this id')
    .option('--index <n>', 'the n-th pair, from 0', parseWhole(), 0)
    .option('--answer <file>', 'score this text against the pair, instead of its own two sides')
    .option('--tokenizer <path>', 'tokenizer.json or its folder; without it, lexical C tokens')
    .addOption(
      new Option('--placement <name>', 'where a hunk’s mass lies')
        .choices(Object.keys(createReward))
        .default('token'),
    )
    .option('--no-color', 'mark rewards as [+…] and [-…]')
    .addHelpText(
      'after',
      '\nExample:\n  srcode rewards show --in data/prime-vul-plus --index 3 --answer answer.c',
    )
    .action(runAction(showAction));
}

async function findPair(options: ShowOptions, signal: AbortSignal): Promise<RepairPair | PrimeVulPlusRecord> {
  const source = await openRecords(options.in);
  let index = 0;
  for await (const record of source.records(signal)) {
    const pair = toPair(record);
    if (pair === null) continue;
    if (options.id === undefined ? index === options.index : pair.id === options.id) return pair;
    index++;
  }
  const wanted =
    options.id === undefined ? `a pair number ${options.index}` : `a pair with id "${options.id}"`;
  throw new InputError({
    code: 'PAIR_NOT_FOUND',
    message: `${options.in}: expected ${wanted}, found ${index} pairs without it.`,
    context: { path: options.in },
  });
}

async function showAction(options: ShowOptions, io: CliIo): Promise<void> {
  const pair = await findPair(options, io.signal);
  const tokens = await openTextTokens(options.tokenizer);
  const reward = createReward[options.placement]();
  const texts: [string, string][] =
    options.answer === undefined
      ? [
          ['secure side', pair.secure],
          ['vulnerable side', pair.vulnerable],
        ]
      : [
          [
            options.answer,
            await readFile(options.answer, 'utf8').catch((error: unknown) => {
              throw wrapFileError(error, options.answer!, 'read');
            }),
          ],
        ];
  const shown = texts.map(([name, text]) => {
    const tokenOffsets = tokens.offsets(text);
    return {
      name,
      text,
      tokenOffsets,
      rewards: reward.score(pair, { text, tokenOffsets }),
      explanation: explainRewards(pair, text),
    };
  });
  if (io.json) {
    return io.out(
      JSON.stringify(
        {
          pair: pair.id,
          placement: options.placement,
          tokenizer: tokens.name,
          texts: shown.map(({ name, text, tokenOffsets, rewards, explanation }) => ({
            name,
            text,
            tokenOffsets,
            values: [...rewards.values],
            spans: rewards.spans,
            total: rewards.total,
            hunks: explanation.hunks,
          })),
        },
        null,
        2,
      ),
    );
  }
  const color = options.color !== false && process.stdout.isTTY === true && !process.env.NO_COLOR;
  io.out(
    `${pair.id} · ${pair.cwe.join(', ') || 'no CWE'} · ${tokens.name} tokens · ${options.placement} placement`,
  );
  for (const { name, text, tokenOffsets, rewards, explanation } of shown) {
    io.out(`\n── ${name}: total ${rewards.total >= 0 ? '+' : ''}${rewards.total.toFixed(3)}`);
    io.out(renderAnsiHeatMap(text, tokenOffsets, rewards.values, { color }));
    for (const hunk of explanation.hunks)
      io.out(`   hunk ${hunk.hunk} (weight ${hunk.weight.toFixed(2)}): ${hunk.sentence}`);
  }
}
