import { type Clock, type Rng, systemClock, throwIfCancelled, type WarningEvent } from '@srcode/core';
import type { CausalLm } from '@srcode/model';
import { createBatchPlan } from './batching/plan-batches.js';
import {
  type CheckpointOptions,
  captureRun,
  fingerprintRun,
  type ResumedEvent,
  resumeRun,
} from './checkpoint/run-state.js';
import { type LearningRateSchedule, learningRateAt } from './maths/learning-rate.js';
import type { MetricsEvent } from './metrics/metrics.js';
import { AdamW, type AdamWOptions } from './optimizer/adamw.js';
import { GradientAccumulator } from './optimizer/compute-gradients.js';
import {
  addSupervisedGradients,
  checkExamples,
  countLearntTokens,
  hashExamples,
  type SftExample,
} from './supervised.js';

export interface SftOptions {
  readonly model: CausalLm;
  readonly padTokenId: number;
  readonly examples: readonly SftExample[];
  /** Sequences per update. */
  readonly batchSize: number;
  /** Sequences per forward pass; the gradient is accumulated over `batchSize`. Default: `batchSize`. */
  readonly microBatchSize?: number;
  /** Updates. One pass over the data has ⌈examples / batchSize⌉. */
  readonly steps: number;
  readonly learningRate: LearningRateSchedule;
  readonly optimizer?: AdamWOptions;
  readonly rng: Rng;
  readonly run?: SftRunOptions;
}

/** How the job is run; nothing here changes what is learnt. */
export interface SftRunOptions {
  /** Name in metrics and checkpoints. Default `sft`. */
  readonly stage?: string;
  readonly checkpoints?: CheckpointOptions;
  /** Called after every `everySteps` updates and after the last; its figures are yielded. */
  readonly evaluation?: {
    readonly everySteps: number;
    evaluate(step: number): Promise<Readonly<Record<string, number>>>;
  };
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

export type SftEvent = MetricsEvent | ResumedEvent | WarningEvent;

export interface SftResult {
  readonly steps: number;
  /** Learnt tokens over the whole run, resumed parts included. */
  readonly tokens: number;
  /** Loss of the last update, nats per token; NaN when no step was left to do. */
  readonly finalLoss: number;
}

/**
 * Supervised fine-tuning (or pretraining): a job that yields the metrics of every update and returns totals.
 *
 *     loss = −Σ_t w_t·log π(y_t | y_<t) / Σ_t w_t        over the completion tokens of the batch (a token mean)
 *
 * Changes `model.trainableParameters()` in place. Same seed, data and backend → same bytes; a run resumed from
 * its checkpoint ends in the same bytes as one that never stopped. Throws `InputError` on examples that do not
 * fit, `CancelledError` on `signal`, `SrcodeError` `TRAINER_DIVERGED` when a gradient is not finite.
 */
export async function* trainSft(options: SftOptions): AsyncGenerator<SftEvent, SftResult> {
  const { model, padTokenId, examples, batchSize, steps, rng, run = {} } = options;
  const { stage = 'sft', checkpoints, evaluation, signal } = run;
  const clock = run.clock ?? systemClock;
  const microBatchSize = options.microBatchSize ?? batchSize;
  checkExamples(examples);
  const batchOf = createBatchPlan(
    examples.map((example) => example.tokenIds.length),
    { batchSize, rng: rng.fork('batches') },
  );
  const parameters = model.trainableParameters();
  const optimizer = new AdamW(parameters, options.optimizer);
  const accumulator = new GradientAccumulator();
  const groups = { model: { parameters, optimizer } };
  const fingerprint = fingerprintRun({
    stage,
    batchSize,
    steps,
    learningRate: options.learningRate,
    optimizer: options.optimizer ?? null,
    examples: hashExamples(examples),
    rng: rng.fork('fingerprint').nextUint32(),
  });
  try {
    const resumed = await resumeRun(checkpoints, { stage, fingerprint }, groups);
    let { step, tokens } = { step: 0, tokens: 0 };
    if (resumed !== null) {
      yield* resumed.events;
      step = resumed.step;
      tokens = resumed.counters.tokens ?? 0;
    }
    let loss = Number.NaN;
    for (; step < steps; step++) {
      throwIfCancelled(signal);
      const startedMs = clock.now();
      const batch = batchOf(step)
        .map((index) => examples[index]!)
        .filter((example) => countLearntTokens(example) > 0);

      // Gradient of the whole batch, summed over micro-batches.
      loss = await addSupervisedGradients(
        { model, padTokenId, examples: batch, microBatchSize },
        accumulator,
      );
      const batchTokens = batch.reduce((sum, example) => sum + countLearntTokens(example), 0);

      // Update.
      const gradNorm = await accumulator.globalNorm(`${stage} step ${step}`);
      const learningRate = learningRateAt(options.learningRate, step, steps);
      optimizer.update(accumulator.gradients, learningRate, gradNorm);
      accumulator.dispose();
      tokens += batchTokens;

      const seconds = Math.max(1e-3, (clock.now() - startedMs) / 1000);
      const tokensPerSecond = batchTokens / seconds;
      const metrics = { loss, tokens, learningRate, gradNorm, tokensPerSecond };
      yield { type: 'metrics', step, stage, metrics };
      const last = step === steps - 1;
      if (evaluation !== undefined && (last || (step + 1) % evaluation.everySteps === 0)) {
        yield { type: 'metrics', step, stage, metrics: await evaluation.evaluate(step) };
      }
      if (checkpoints !== undefined && (last || (step + 1) % checkpoints.everySteps === 0)) {
        const facts = { stage, step: step + 1, fingerprint, counters: { tokens } };
        await checkpoints.store.save(await captureRun(facts, groups));
      }
    }
    return { steps: step, tokens, finalLoss: loss };
  } finally {
    accumulator.dispose();
    optimizer.dispose();
  }
}
