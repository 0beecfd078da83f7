import { trainSft } from '@srcode/trainer';
import type { Command } from 'commander';
import type { CliIo } from '../../cli-io.js';
import { parseDecimal, parseWhole } from '../../parse-number.js';
import { runAction } from '../../run-action.js';
import { encodeExamples } from '../../train/read-training-data.js';
import { runTraining } from '../../train/run-training.js';
import { scheduleOf, type TrainOptions, withTrainOptions } from '../../train/train-options.js';

const defaultRates = { full: 2e-5, lora: 2e-4 } as const;

interface SftCommandOptions extends TrainOptions {
  readonly epochs: number;
  readonly steps?: number;
  readonly batchSize: number;
  readonly microBatchSize?: number;
  readonly securityWeight: number;
}

export function registerSft(train: Command): void {
  withTrainOptions(train.command('sft'), '2e-5, with --lora 2e-4')
    .description('supervised fine-tuning: implicit prompt → secure answer')
    .option('--epochs <n>', 'passes over the data', parseDecimal(0), 1)
    .option('--steps <n>', 'updates, instead of --epochs', parseWhole(1))
    .option('--batch-size <n>', 'examples per update', parseWhole(1), 16)
    .option('--micro-batch-size <n>', 'examples per forward pass (default: --batch-size)', parseWhole(1))
    .option(
      '--security-weight <n>',
      'loss weight of the tokens that make an answer secure',
      parseDecimal(0),
      1,
    )
    .addHelpText(
      'after',
      '\nExample:\n  srcode train sft --model SmolLM2-135M.gguf --data data/prime-vul-plus --out runs/sft --lora 16',
    )
    .action(runAction(sftAction));
}

async function sftAction(options: SftCommandOptions, io: CliIo): Promise<void> {
  await runTraining('sft', options, io, async ({ model, tokenizer, data, rng, run }) => {
    const { items: examples, tooLong } = encodeExamples(data.records, {
      tokenizer,
      maxLength: model.config.maxPositionEmbeddings,
      signature: options.signature === true,
      securityWeight: options.securityWeight,
    });
    const perPass = examples.length / options.batchSize;
    const steps = options.steps ?? Math.max(1, Math.ceil(perPass * options.epochs));
    return {
      events: trainSft({
        model,
        padTokenId: tokenizer.padTokenId,
        examples,
        batchSize: options.batchSize,
        steps,
        learningRate: scheduleOf(options, defaultRates),
        rng,
        run,
        ...(options.microBatchSize === undefined ? {} : { microBatchSize: options.microBatchSize }),
      }),
      steps,
      shown: ['loss', 'tokensPerSecond'],
      facts: { records: data.records.length, examples: examples.length, tooLong },
    };
  });
}
