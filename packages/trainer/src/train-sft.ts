import {
  type Clock,
  InputError,
  type Rng,
  systemClock,
  throwIfCancelled,
  type WarningEvent,
} from '@srcode/core';
import type { CausalLm } from '@srcode/model';
import * as tf from '@tensorflow/tfjs-core';
import { completionLength, packSequences, type TrainingSequence } from './batching/pack-sequences.js';
import { createBatchPlan } from './batching/plan-batches.js';
import { selectRows } from './batching/select-rows.js';
import {
  type CheckpointOptions,
  captureRun,
  fingerprintRun,
  type ResumedEvent,
  resumeRun,
} from './checkpoint/run-state.js';
import { type LearningRateSchedule, learningRateAt } from './maths/learning-rate.js';
import { computeCrossEntropy } from './maths/policy-loss.js';
import type { MetricsEvent } from './metrics/metrics.js';
import { AdamW, type AdamWOptions } from './optimizer/adamw.js';
import { computeGradients, GradientAccumulator } from './optimizer/compute-gradients.js';

/** Prompt and answer as one run of ids; `promptLength` 0 learns every token (pretraining). */
export interface SftExample {
  readonly tokenIds: Int32Array;
  readonly promptLength: number;
  /** One weight ≥ 0 per id (those of the prompt are not read). Default: all 1. */
  readonly tokenWeights?: Float32Array;
}

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
  const { model, examples, batchSize, steps, rng, run = {} } = options;
  const { stage = 'sft', checkpoints, evaluation, signal } = run;
  const clock = run.clock ?? systemClock;
  const microBatchSize = options.microBatchSize ?? batchSize;
  checkExamples(examples);
  const sequences: TrainingSequence[] = examples.map((e) => ({
    ids: e.tokenIds,
    promptLength: e.promptLength,
  }));
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
      const chosen = batchOf(step).filter((index) => completionLength(sequences[index]!) > 0);
      const weights = batchWeights(examples, chosen);

      // Gradient of the whole batch, summed over micro-batches.
      loss = 0;
      let batchTokens = 0;
      for (let at = 0; at < chosen.length; at += microBatchSize) {
        const part = chosen.slice(at, at + microBatchSize);
        const packed = packSequences(
          part.map((index) => sequences[index]!),
          { padTokenId: options.padTokenId },
        );
        const partWeights = weights.subarray(batchTokens, batchTokens + packed.targets.length);
        const { value, gradients } = computeGradients(() => {
          const hidden = selectRows(model.hiddenStates(packed.batch), packed.rows); // [N, D]
          const logProbs = model.tokenLogProbs(hidden, tf.tensor1d(packed.targets, 'int32')); // [N]
          return computeCrossEntropy(logProbs, tf.tensor1d(partWeights));
        }, parameters);
        accumulator.add(gradients);
        loss += (await value.data())[0]!;
        value.dispose();
        batchTokens += packed.targets.length;
      }

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

/** Loss of the examples under the model, nats per (weighted) token; nothing is changed. */
export async function evaluateLoss(options: {
  readonly model: CausalLm;
  readonly padTokenId: number;
  readonly examples: readonly SftExample[];
  readonly microBatchSize: number;
}): Promise<number> {
  const { model, examples, microBatchSize } = options;
  checkExamples(examples);
  const order = examples.map((_, index) => index).filter((i) => completionLengthOf(examples[i]!) > 0);
  order.sort((a, b) => examples[a]!.tokenIds.length - examples[b]!.tokenIds.length);
  const weights = batchWeights(examples, order);
  let loss = 0;
  let done = 0;
  for (let at = 0; at < order.length; at += microBatchSize) {
    const part = order.slice(at, at + microBatchSize).map((index) => examples[index]!);
    const packed = packSequences(
      part.map((e) => ({ ids: e.tokenIds, promptLength: e.promptLength })),
      { padTokenId: options.padTokenId },
    );
    const value = tf.tidy(() => {
      const hidden = selectRows(model.hiddenStates(packed.batch), packed.rows);
      const logProbs = model.tokenLogProbs(hidden, tf.tensor1d(packed.targets, 'int32'));
      return computeCrossEntropy(logProbs, tf.tensor1d(weights.subarray(done, done + packed.targets.length)));
    });
    loss += (await value.data())[0]!;
    value.dispose();
    done += packed.targets.length;
  }
  return loss;
}

function completionLengthOf(example: SftExample): number {
  return completionLength({ ids: example.tokenIds, promptLength: example.promptLength });
}

/** Weights of the batch's learnt tokens, in the order of `packSequences`, Σ = 1. */
function batchWeights(examples: readonly SftExample[], chosen: readonly number[]): Float32Array {
  const weights: number[] = [];
  let sum = 0;
  for (const index of chosen) {
    const { tokenIds, promptLength, tokenWeights } = examples[index]!;
    for (let t = Math.max(1, promptLength); t < tokenIds.length; t++) {
      const weight = tokenWeights?.[t] ?? 1;
      weights.push(weight);
      sum += weight;
    }
  }
  return Float32Array.from(weights, (weight) => (sum > 0 ? weight / sum : 0));
}

function hashExamples(examples: readonly SftExample[]): string {
  return fingerprintRun(
    examples.map((e) => [[...e.tokenIds], e.promptLength, e.tokenWeights ? [...e.tokenWeights] : null]),
  );
}

function checkExamples(examples: readonly SftExample[]): void {
  const fail = (index: number, what: string): never => {
    throw new InputError({
      code: 'TRAINER_EXAMPLE',
      message: `Example ${index}: ${what}`,
      context: { index },
    });
  };
  let learnt = 0;
  examples.forEach((example, index) => {
    const { tokenIds, promptLength, tokenWeights } = example;
    if (!Number.isSafeInteger(promptLength) || promptLength < 0 || promptLength > tokenIds.length)
      fail(index, `expected a prompt length between 0 and ${tokenIds.length}, got ${promptLength}.`);
    if (tokenWeights !== undefined && tokenWeights.length !== tokenIds.length)
      fail(index, `expected ${tokenIds.length} token weights, one per id, got ${tokenWeights.length}.`);
    if (tokenWeights?.some((weight) => !(weight >= 0 && Number.isFinite(weight))))
      fail(index, 'expected finite token weights of at least 0. Unlikelihood is not supported here.');
    learnt += completionLengthOf(example);
  });
  if (learnt === 0) {
    throw new InputError({
      code: 'TRAINER_NO_EXAMPLES',
      message: `Expected at least one example with a completion to learn, got ${examples.length} examples without any. Check the data and the truncation.`,
    });
  }
}
