import { rm } from 'node:fs/promises';
import { Rng, readJsonl } from '@srcode/core';
import {
  type ByteLevelTokenizer,
  createCausalLm,
  createLlamaConfig,
  generate,
  type LlamaModel,
  loadModel,
  saveModel,
} from '@srcode/model';
import {
  createFolderCheckpointStore,
  localCredit,
  type PolicyEvent,
  type SftEvent,
  standardCredit,
  toMetricsRecord,
  trainPpo,
  trainSft,
} from '@srcode/trainer';
import { createReward } from '../../commands/rewards/tag.js';
import { encodeExamples } from '../../train/read-training-data.js';
import { toRolloutLines } from '../../train/to-rollout-lines.js';
import { encodeExample, encodePrompt, openingOf } from '../../training/chat-ids.js';
import { createPairReward } from '../../training/pair-reward.js';
import { StepLog } from '../../training/step-log.js';
import type { Placement, Preset, TrainingPlan } from '../preset.js';
import { inRun, runPaths } from '../run-folder.js';
import type { StageContext } from '../stage-context.js';
import { pretrainTextSchema, readPairs, readTokenizer } from './read-inputs.js';

const rngOf = (seed: number, arm: string): Rng => Rng.fromSeed(seed).fork('reproduce', arm);

interface SupervisedJob {
  readonly arm: string;
  readonly seed: number;
  readonly stage: string;
  readonly plan: TrainingPlan;
  readonly model: LlamaModel;
  readonly tokenizer: ByteLevelTokenizer;
  readonly examples: Parameters<typeof trainSft>[0]['examples'];
}

/** Runs one supervised stage with checkpoints and its metrics log, and saves the model. */
async function runSupervised(job: SupervisedJob, preset: Preset, context: StageContext): Promise<string> {
  const at = (path: string) => inRun(context.runFolder, path);
  const log = new StepLog(at(runPaths.metrics(job.arm, job.seed)));
  const run = trainSft({
    model: job.model,
    padTokenId: job.tokenizer.padTokenId,
    examples: job.examples,
    batchSize: job.plan.batchSize,
    steps: job.plan.steps,
    learningRate: job.plan.learningRate,
    optimizer: preset.optimizer,
    rng: rngOf(job.seed, job.arm),
    run: {
      stage: job.stage,
      signal: context.signal,
      checkpoints: {
        store: createFolderCheckpointStore(at(runPaths.checkpoints(job.arm, job.seed))),
        everySteps: preset.checkpointEverySteps,
      },
    },
  });
  let first = true;
  const onEvent = async (event: SftEvent): Promise<void> => {
    if (event.type === 'warning') return context.progress(event);
    if (first) await log.rewindTo(event.step);
    first = false;
    if (event.type !== 'metrics') return;
    await log.write(toMetricsRecord(event));
    const { loss, tokensPerSecond } = event.metrics;
    context.progress({
      type: 'progress',
      stage: `${job.stage} (seed ${job.seed})`,
      completed: event.step + 1,
      total: job.plan.steps,
      metrics: { loss: loss ?? Number.NaN, 'tok/s': tokensPerSecond ?? Number.NaN },
    });
  };
  try {
    for (;;) {
      const step = await run.next();
      if (!step.done) {
        await onEvent(step.value);
        continue;
      }
      await saveModel(at(runPaths.model(job.arm, job.seed)), { model: job.model, tokenizer: job.tokenizer });
      await rm(at(runPaths.checkpoints(job.arm, job.seed)), { recursive: true, force: true });
      return `${job.plan.steps} steps, ${step.value.tokens} tokens${Number.isNaN(step.value.finalLoss) ? '' : `, last loss ${step.value.finalLoss.toFixed(3)}`}`;
    }
  } finally {
    await log.close();
  }
}

/** The base model, from scratch, on the corpus as the world is: mostly vulnerable, some secure. */
export async function pretrain(preset: Preset, seed: number, context: StageContext): Promise<string> {
  const tokenizer = await readTokenizer(context.runFolder);
  const examples = [];
  for await (const text of readJsonl(inRun(context.runFolder, runPaths.pretrainTexts), pretrainTextSchema)) {
    examples.push(
      encodeExample(tokenizer, text.prompt, text.code, {
        opening: openingOf(text.code),
        learnPrompt: preset.pretrain.learnPrompt,
      }),
    );
  }
  const config = createLlamaConfig({
    ...preset.model,
    vocabSize: tokenizer.vocabSize,
    eosTokenIds: [tokenizer.eosTokenId],
    padTokenId: tokenizer.padTokenId,
  });
  const model = createCausalLm(config, { rng: rngOf(seed, 'base').fork('init') });
  try {
    return await runSupervised(
      { arm: 'base', seed, stage: 'pretrain', plan: preset.pretrain, model, tokenizer, examples },
      preset,
      context,
    );
  } finally {
    model.dispose();
  }
}

/** SFT on PrimeVul+: implicit prompt → secure answer. From the base, or (`sft-more`) on from the SFT model on the same data. */
export async function sft(
  preset: Preset,
  arm: 'sft' | 'sft-more',
  seed: number,
  context: StageContext,
): Promise<string> {
  const [start, plan] = arm === 'sft' ? (['base', preset.sft] as const) : (['sft', preset.sftMore] as const);
  const { model, tokenizer } = await loadModel(inRun(context.runFolder, runPaths.model(start, seed)));
  try {
    const records = rngOf(seed, 'sft')
      .fork('records')
      .shuffle(await readPairs(context));
    const used = records.slice(0, Math.max(1, Math.round(records.length * preset.sft.recordShare)));
    const examples = used.flatMap((record) =>
      record.prompts.map((prompt) =>
        encodeExample(tokenizer, prompt.text, record.secure, { opening: openingOf(record.secure) }),
      ),
    );
    return await runSupervised(
      { arm, seed, stage: 'sft', plan, model, tokenizer, examples },
      preset,
      context,
    );
  } finally {
    model.dispose();
  }
}

/** PPO from the SFT model; the arms differ in the placement of the same reward mass, and in the credit that placement needs. */
export async function ppo(
  preset: Preset,
  placement: Placement,
  seed: number,
  context: StageContext,
): Promise<string> {
  const at = (path: string) => inRun(context.runFolder, path);
  const arm = `ppo-${placement}`;
  const { model, tokenizer } = await loadModel(at(runPaths.model('sft', seed)));
  const { model: reference } = await loadModel(at(runPaths.model('sft', seed)));
  const metricsLog = new StepLog(at(runPaths.metrics(arm, seed)));
  const rolloutLog = new StepLog(at(runPaths.rollouts(arm, seed)));
  try {
    const records = await readPairs(context);
    const prompts = records.flatMap((record) =>
      record.prompts.map((prompt) => ({
        sourceId: record.id,
        promptText: prompt.text,
        promptIds: encodePrompt(tokenizer, prompt.text, openingOf(record.secure)),
      })),
    );
    const replay = preset.ppo.replay && {
      ...preset.ppo.replay,
      examples: encodeExamples(records, {
        tokenizer,
        maxLength: model.config.maxPositionEmbeddings,
        signature: true,
        securityWeight: 0,
      }).items,
    };
    const strategy = createReward[placement](preset.ppo.reward);
    const run = trainPpo({
      model,
      reference,
      tokenizer,
      prompts,
      generate: (batch, options) => generate(model, batch, options),
      reward: createPairReward(new Map(records.map((record) => [record.id, record])), strategy, (pair) =>
        openingOf(pair.secure),
      ),
      steps: preset.ppo.steps,
      ...(replay ? { replay } : {}),
      sampling: { ...preset.ppo.sampling, stopTokenIds: [tokenizer.eosTokenId] },
      settings: {
        ...preset.ppo.settings,
        optimizer: preset.optimizer,
        credit:
          placement === 'instance'
            ? { ...standardCredit, ...preset.ppo.instanceCredit }
            : { ...localCredit, ...preset.ppo.localCredit },
      },
      // The same stream for every placement: prompts and sampling noise are shared, so that the arms differ in reward alone.
      rng: rngOf(seed, 'ppo'),
      run: {
        stage: 'ppo',
        signal: context.signal,
        checkpoints: {
          store: createFolderCheckpointStore(at(runPaths.checkpoints(arm, seed))),
          everySteps: preset.checkpointEverySteps,
        },
      },
    });
    let first = true;
    const onEvent = async (event: PolicyEvent): Promise<void> => {
      if (event.type === 'warning') return context.progress(event);
      if (first) await Promise.all([metricsLog.rewindTo(event.step), rolloutLog.rewindTo(event.step)]);
      first = false;
      if (event.type === 'metrics') {
        await metricsLog.write(toMetricsRecord(event));
        const { reward, kl, tokensPerSecond } = event.metrics;
        context.progress({
          type: 'progress',
          stage: `${arm} (seed ${seed})`,
          completed: event.step + 1,
          total: preset.ppo.steps,
          metrics: {
            reward: reward ?? Number.NaN,
            kl: kl ?? Number.NaN,
            'tok/s': tokensPerSecond ?? Number.NaN,
          },
        });
      } else if (
        event.type === 'rollouts' &&
        (event.step % preset.ppo.keepRolloutsEvery === 0 || event.step === preset.ppo.steps - 1)
      ) {
        for (const line of toRolloutLines(event, strategy.name)) await rolloutLog.write(line);
      }
    };
    for (;;) {
      const step = await run.next();
      if (!step.done) {
        await onEvent(step.value);
        continue;
      }
      await saveModel(at(runPaths.model(arm, seed)), { model, tokenizer });
      await rm(at(runPaths.checkpoints(arm, seed)), { recursive: true, force: true });
      return `${step.value.steps} steps${step.value.stopped === 'kl' ? ' (stopped by KL)' : ''}`;
    }
  } finally {
    await Promise.all([metricsLog.close(), rolloutLog.close()]);
    model.dispose();
    reference.dispose();
  }
}
