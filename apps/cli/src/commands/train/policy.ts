import { generate, type LlamaModel, withMergedLora, withoutLora } from '@srcode/model';
import {
  type GenerateFunction,
  type GrpoSettings,
  localCredit,
  type PolicyEvent,
  type PolicyResult,
  type PolicyUpdateSettings,
  type PpoOptions,
  type PpoSettings,
  standardCredit,
  trainGrpo,
  trainPpo,
} from '@srcode/trainer';
import { type Command, Option } from 'commander';
import type { CliIo } from '../../cli-io.js';
import { openModel } from '../../model/open-model.js';
import { parseDecimal, parseWhole } from '../../parse-number.js';
import { runAction } from '../../run-action.js';
import { encodeExamples, encodePrompts } from '../../train/read-training-data.js';
import { runTraining, type TrainingContext, type TrainingJob } from '../../train/run-training.js';
import { scheduleOf, type TrainOptions, withTrainOptions } from '../../train/train-options.js';
import { openingOf } from '../../training/chat-ids.js';
import { createPairReward } from '../../training/pair-reward.js';
import { createReward } from '../rewards/tag.js';

const defaultRates = { full: 1e-6, lora: 1e-5 } as const;

interface PolicyCommandOptions extends TrainOptions {
  readonly steps: number;
  readonly promptsPerStep: number;
  readonly samplesPerPrompt: number;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly placement: keyof typeof createReward;
  readonly credit?: string;
  readonly advantageClip?: number;
  readonly kl: number;
  readonly maxKl?: number;
  readonly anchor: number;
  readonly replay: number;
  readonly replayBatchSize: number;
  readonly brokenSyntax: number;
  readonly epochs: number;
  readonly microBatchSize: number;
  readonly clipLow: number;
  readonly clipHigh: number;
  readonly keepRolloutsEvery: number;
}

function withPolicyOptions(command: Command, samplesPerPrompt: number): Command {
  return withTrainOptions(command, '1e-6, with --lora 1e-5')
    .option('--steps <n>', 'rounds of rollouts and update', parseWhole(1), 100)
    .option('--prompts-per-step <n>', 'prompts per round', parseWhole(1), 16)
    .option('--samples-per-prompt <n>', 'rollouts per prompt', parseWhole(1), samplesPerPrompt)
    .option('--max-tokens <n>', 'longest rollout', parseWhole(1), 256)
    .option('--temperature <n>', 'of the rollouts', parseDecimal(0), 1)
    .addOption(
      new Option('--placement <name>', 'where a hunk’s reward lies')
        .choices(Object.keys(createReward))
        .default('token'),
    )
    .option('--kl <n>', 'weight of the divergence from the starting model', parseDecimal(0), 0.02)
    .option('--max-kl <n>', 'stop once that divergence (nats per token) exceeds this', parseDecimal(0))
    .option(
      '--anchor <n>',
      'hold unrewarded tokens to the starting model with this weight',
      parseDecimal(0),
      0,
    )
    .option(
      '--replay <n>',
      'learn the data’s secure answers beside the rollouts with this weight, but for the tokens that the fix changed',
      parseDecimal(0),
      0,
    )
    .option('--replay-batch-size <n>', 'answers per update', parseWhole(1), 8)
    .option(
      '--broken-syntax <n>',
      'penalty of an answer that does not parse, which gets no reward for its fix either',
      parseDecimal(0),
      0,
    )
    .option('--epochs <n>', 'passes over the rollouts of a round', parseWhole(1), 1)
    .option('--micro-batch-size <n>', 'rollouts per forward pass', parseWhole(1), 16)
    .option('--clip-low <n>', 'lower clip of the ratio', parseDecimal(0), 0.2)
    .option('--clip-high <n>', 'upper clip of the ratio', parseDecimal(0), 0.28)
    .option('--keep-rollouts-every <n>', 'rounds between rollouts kept for heat maps', parseWhole(1), 10);
}

export function registerPpo(train: Command): void {
  withPolicyOptions(train.command('ppo'), 2)
    .description('PPO with token-level rewards')
    .addOption(
      new Option(
        '--credit <name>',
        'local keeps credit on the rewarded token; standard is γ = λ = 1 with critic and whitening (default: standard for instance placement, else local)',
      ).choices(['local', 'standard']),
    )
    .option(
      '--advantage-clip <n>',
      'bound of a token’s advantage after normalisation (default: none)',
      parseDecimal(0),
    )
    .addHelpText(
      'after',
      '\nExample:\n  srcode train ppo --model runs/sft/model --data data/prime-vul-plus --out runs/ppo --placement token',
    )
    .action(runAction(ppoAction));
}

export function registerGrpo(train: Command): void {
  withPolicyOptions(train.command('grpo'), 4)
    .description('GRPO: rollouts of one prompt are compared with each other')
    .addOption(
      new Option(
        '--credit <name>',
        'how a group is compared: by token, by what is still to come, or by total',
      )
        .choices(['local', 'future', 'sequence'])
        .default('local'),
    )
    .addHelpText(
      'after',
      '\nExample:\n  srcode train grpo --model runs/sft/model --data data/prime-vul-plus --out runs/grpo --lora 16',
    )
    .action(runAction(grpoAction));
}

async function ppoAction(options: PolicyCommandOptions, io: CliIo): Promise<void> {
  const credit = options.credit ?? (options.placement === 'instance' ? 'standard' : 'local');
  const settings: PpoSettings = {
    ...updateSettings(options),
    credit: {
      ...(credit === 'standard' ? standardCredit : localCredit),
      ...(options.advantageClip === undefined ? {} : { advantageClip: options.advantageClip }),
    },
  };
  await runTraining('ppo', options, io, (context) =>
    preparePolicy(context, options, (shared) => trainPpo({ ...shared, settings })),
  );
}

async function grpoAction(options: PolicyCommandOptions, io: CliIo): Promise<void> {
  const settings: GrpoSettings = {
    ...updateSettings(options),
    credit: options.credit as NonNullable<GrpoSettings['credit']>,
  };
  await runTraining('grpo', options, io, (context) =>
    preparePolicy(context, options, (shared) => trainGrpo({ ...shared, settings })),
  );
}

function updateSettings(
  options: PolicyCommandOptions,
): PolicyUpdateSettings & { readonly klCoefficient: number; readonly maxReferenceKl?: number } {
  return {
    learningRate: scheduleOf(options, defaultRates),
    epochs: options.epochs,
    microBatchSize: options.microBatchSize,
    clipLow: options.clipLow,
    clipHigh: options.clipHigh,
    anchorCoefficient: options.anchor,
    klCoefficient: options.kl,
    ...(options.maxKl === undefined ? {} : { maxReferenceKl: options.maxKl }),
  };
}

async function preparePolicy(
  context: TrainingContext,
  options: PolicyCommandOptions,
  start: (shared: Omit<PpoOptions, 'settings'>) => AsyncGenerator<PolicyEvent, PolicyResult>,
): Promise<TrainingJob<PolicyResult>> {
  const { model, tokenizer, data, stopTokenIds, rng, run } = context;
  const signature = options.signature === true;
  const { items: prompts, tooLong } = encodePrompts(data.records, {
    tokenizer,
    maxLength: model.config.maxPositionEmbeddings,
    maxNewTokens: options.maxTokens,
    signature,
  });
  const strategy = createReward[options.placement]({ brokenSyntaxMass: options.brokenSyntax });
  const pairs = new Map(data.records.map((record) => [record.id, record]));
  // With adapters the model without them is the reference, at no cost; else the starting model is read once more.
  const own = options.lora === undefined ? (await openModel(options)).model : null;
  const events = start({
    model,
    reference: own ?? withoutLora(model),
    tokenizer,
    generate: createGenerate(model, options.lora !== undefined),
    prompts,
    ...(options.replay === 0 ? {} : { replay: createReplay(context, options) }),
    reward: createPairReward(pairs, strategy, (pair) => (signature ? openingOf(pair.secure) : '')),
    steps: options.steps,
    sampling: {
      promptsPerStep: options.promptsPerStep,
      samplesPerPrompt: options.samplesPerPrompt,
      maxNewTokens: options.maxTokens,
      temperature: options.temperature,
      stopTokenIds,
    },
    rng,
    run,
  });
  return {
    events,
    steps: options.steps,
    shown: ['reward', 'kl', 'tokensPerSecond'],
    strategy: strategy.name,
    keepRolloutsEvery: options.keepRolloutsEvery,
    facts: { records: data.records.length, prompts: prompts.length, tooLong },
    dispose: () => own?.dispose(),
  };
}

function createReplay({ model, tokenizer, data }: TrainingContext, options: PolicyCommandOptions) {
  const { items } = encodeExamples(data.records, {
    tokenizer,
    maxLength: model.config.maxPositionEmbeddings,
    signature: options.signature === true,
    securityWeight: 0,
  });
  return { examples: items, coefficient: options.replay, batchSize: options.replayBatchSize };
}

/** Sampling from the policy; adapters are merged for its duration, so that it runs at the speed of the plain model. */
function createGenerate(model: LlamaModel, hasAdapters: boolean): GenerateFunction {
  if (!hasAdapters) return (batch, settings) => generate(model, batch, settings);
  return (batch, settings) => withMergedLora(model, (merged) => generate(merged, batch, settings));
}
