import { createRewardServer, type RewardPair } from '@srcode/rewards';
import { type Command, Option } from 'commander';
import type { CliIo } from '../../cli-io.js';
import { openRecords, toPair } from '../../data/open-records.js';
import { openTokenizer } from '../../data/text-tokens.js';
import { parseWhole } from '../../parse-number.js';
import { type CommonOptions, runAction, withCommonOptions } from '../../run-action.js';
import { createReward } from './tag.js';

interface ServeOptions extends CommonOptions {
  readonly in?: string;
  readonly tokenizer?: string;
  readonly placement: keyof typeof createReward;
  readonly host: string;
  readonly port: number;
}

export function registerServe(rewards: Command): void {
  withCommonOptions(rewards.command('serve'))
    .description('serve per-token rewards over HTTP, for verl, OpenRLHF or your own trainer')
    .option('--in <path>', 'dataset whose pairs requests may name by id')
    .option('--tokenizer <path>', 'tokenizer.json or its folder, for requests with token ids')
    .addOption(
      new Option('--placement <name>', 'default placement')
        .choices(Object.keys(createReward))
        .default('token'),
    )
    .option('--host <address>', 'address to listen on; there is no authentication', '127.0.0.1')
    .option('--port <n>', 'port; 0 takes a free one', parseWhole(), 8600)
    .addHelpText(
      'after',
      '\nExample:\n  srcode rewards serve --in data/prime-vul-plus --tokenizer models/base --port 8600',
    )
    .action(runAction(serveAction));
}

async function serveAction(options: ServeOptions, io: CliIo): Promise<void> {
  const pairs: RewardPair[] = [];
  if (options.in !== undefined) {
    for await (const record of (await openRecords(options.in)).records(io.signal)) {
      const pair = toPair(record);
      if (pair) pairs.push({ id: pair.id, vulnerable: pair.vulnerable, secure: pair.secure });
    }
  }
  const tokenizer = options.tokenizer === undefined ? undefined : await openTokenizer(options.tokenizer);
  const server = await createRewardServer({
    pairs,
    defaultStrategy: options.placement,
    host: options.host,
    port: options.port,
    ...(tokenizer ? { tokenizer } : {}),
  });
  io.out(
    io.json
      ? JSON.stringify({ url: server.url, pairs: pairs.length })
      : `rewards of ${pairs.length} pairs at ${server.url}; Ctrl-C stops`,
  );
  await new Promise<void>((resolve) => {
    if (io.signal.aborted) resolve();
    else io.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await server.close();
}
