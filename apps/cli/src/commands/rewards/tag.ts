import { createManifest, finishManifest, JsonlWriter } from '@srcode/core';
import { createInstanceReward, createLineReward, createTokenReward, type Placement } from '@srcode/rewards';
import { type Command, Option } from 'commander';
import type { CliIo } from '../../cli-io.js';
import { openRecords, toPair } from '../../data/open-records.js';
import { openTextTokens } from '../../data/text-tokens.js';
import { type CommonOptions, runAction, withCommonOptions } from '../../run-action.js';

interface TagOptions extends CommonOptions {
  readonly in: string;
  readonly out: string;
  readonly tokenizer?: string;
  readonly placement: Placement;
}

export const createReward = {
  token: createTokenReward,
  line: createLineReward,
  instance: createInstanceReward,
} as const;

export function registerTag(rewards: Command): void {
  withCommonOptions(rewards.command('tag'))
    .description('tag both sides of every pair with per-token rewards')
    .requiredOption('--in <path>', 'dataset folder or JSON Lines of pairs')
    .requiredOption('--out <file>', 'JSON Lines to write: one line per pair and side')
    .option('--tokenizer <path>', 'tokenizer.json or its folder; without it, lexical C tokens')
    .addOption(
      new Option('--placement <name>', 'where a hunk’s mass lies')
        .choices(['token', 'line', 'instance'])
        .default('token'),
    )
    .addHelpText(
      'after',
      '\nExample:\n  srcode rewards tag --in data/prime-vul-plus --tokenizer models/base --out rewards.jsonl',
    )
    .action(runAction(tagAction));
}

async function tagAction(options: TagOptions, io: CliIo): Promise<void> {
  const source = await openRecords(options.in);
  const tokens = await openTextTokens(options.tokenizer);
  const reward = createReward[options.placement]();
  const writer = await JsonlWriter.open(options.out, { append: false });
  const counts = {
    pairs: 0,
    withoutSecureSide: 0,
    tokens: 0,
    rewardedTokens: 0,
    rewardedOnBothSides: 0,
    secureAboveVulnerable: 0,
  };
  try {
    for await (const record of source.records(io.signal)) {
      const pair = toPair(record);
      if (pair === null) {
        counts.withoutSecureSide++;
        continue;
      }
      const totals: number[] = [];
      const touched: boolean[] = [];
      for (const side of ['secure', 'vulnerable'] as const) {
        const tokenOffsets = tokens.offsets(pair[side]);
        const { values, spans, total } = reward.score(pair, { text: pair[side], tokenOffsets });
        const rewarded = values.reduce((count, value) => count + (value !== 0 ? 1 : 0), 0);
        counts.tokens += values.length;
        counts.rewardedTokens += rewarded;
        totals.push(total);
        touched.push(rewarded > 0);
        await writer.write({
          rolloutId: `${pair.id}:${side}`,
          strategy: reward.name,
          tokenizer: tokens.name,
          tokenIds: tokens.ids(pair[side]),
          tokenOffsets,
          values: [...values],
          spans,
          total,
        });
      }
      counts.pairs++;
      if (touched.every(Boolean)) counts.rewardedOnBothSides++;
      if (totals[0]! > totals[1]!) counts.secureAboveVulnerable++;
      if (counts.pairs % 50 === 0)
        io.progress({ type: 'progress', stage: 'tag', completed: counts.pairs, total: source.size });
    }
  } finally {
    await writer.close();
  }
  await finishManifest(
    await createManifest({ command: 'rewards tag', options: { ...options } }),
    `${options.out}.manifest.json`,
    { outputs: { rewards: options.out } },
  );
  io.endProgress();
  if (io.json)
    return io.out(
      JSON.stringify(
        { in: options.in, out: options.out, placement: options.placement, tokenizer: tokens.name, ...counts },
        null,
        2,
      ),
    );
  io.out(
    `${counts.pairs} pairs tagged (${tokens.name} tokens, ${options.placement} placement) → ${options.out}`,
  );
  io.out(
    `${counts.rewardedTokens} of ${counts.tokens} tokens carry reward; ${counts.rewardedOnBothSides} pairs have it on both sides; secure above vulnerable in ${counts.secureAboveVulnerable}`,
  );
}
