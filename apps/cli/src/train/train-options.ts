import type { BackendName } from '@srcode/backend';
import type { Split } from '@srcode/dataset';
import type { LearningRateSchedule } from '@srcode/trainer';
import { type Command, Option } from 'commander';
import { withModelOptions } from '../model/open-model.js';
import { parseDecimal, parseWhole } from '../parse-number.js';
import { type CommonOptions, withCommonOptions } from '../run-action.js';

/** Options that every training command takes. */
export interface TrainOptions extends CommonOptions {
  readonly model: string;
  readonly adapter?: string;
  readonly backend?: BackendName;
  readonly data: string;
  readonly out: string;
  readonly split: Split | 'all';
  readonly learningRate?: number;
  readonly warmup: number;
  readonly decay: 'constant' | 'linear' | 'cosine';
  readonly lora?: number;
  readonly loraAlpha?: number;
  readonly signature?: boolean;
  readonly checkpointEvery: number;
  readonly seed: number;
}

/** Adds the options that every training command takes. */
export function withTrainOptions(command: Command, defaultRates: string): Command {
  return withModelOptions(withCommonOptions(command))
    .requiredOption('--model <path>', 'model to start from: a folder, or a .gguf file')
    .requiredOption('--data <path>', 'PrimeVul+ dataset folder or JSON Lines')
    .requiredOption('--out <folder>', 'folder to write; a run that stopped goes on there')
    .addOption(
      new Option('--split <name>', 'records to train on')
        .choices(['train', 'validation', 'test', 'all'])
        .default('train'),
    )
    .option('--learning-rate <n>', `peak learning rate (default: ${defaultRates})`, parseDecimal(0))
    .option('--warmup <n>', 'steps over which the rate rises', parseWhole(), 0)
    .addOption(
      new Option('--decay <name>', 'shape of the rate after that')
        .choices(['constant', 'linear', 'cosine'])
        .default('constant'),
    )
    .option('--lora <rank>', 'train low-rank adapters of this rank instead of all weights', parseWhole(1))
    .option('--lora-alpha <n>', 'alpha of the adapters (default: twice the rank)', parseDecimal(0))
    .option(
      '--signature',
      'begin every answer with the function’s signature, so that only the body is written',
    )
    .option('--checkpoint-every <n>', 'steps between checkpoints', parseWhole(1), 50)
    .option('--seed <n>', 'seed of batches, rollouts and adapters', parseWhole(), 1);
}

/** The schedule of the options; adapters take a higher rate than whole weights. */
export function scheduleOf(
  options: TrainOptions,
  defaults: { readonly full: number; readonly lora: number },
): LearningRateSchedule {
  return {
    peak: options.learningRate ?? (options.lora === undefined ? defaults.full : defaults.lora),
    warmupSteps: options.warmup,
    decay: options.decay,
  };
}
