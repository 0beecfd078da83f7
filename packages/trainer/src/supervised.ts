import { canonicalJson, InputError, sha256Hex } from '@srcode/core';
import type { CausalLm } from '@srcode/model';
import * as tf from '@tensorflow/tfjs-core';
import { completionLength, packSequences } from './batching/pack-sequences.js';
import { selectRows } from './batching/select-rows.js';
import { computeCrossEntropy } from './maths/policy-loss.js';
import { computeGradients, type GradientAccumulator } from './optimizer/compute-gradients.js';

/** Prompt and answer as one run of ids; `promptLength` 0 learns every token (pretraining). */
export interface SftExample {
  readonly tokenIds: Int32Array;
  readonly promptLength: number;
  /** One weight ≥ 0 per id (those of the prompt are not read). Default: all 1. */
  readonly tokenWeights?: Float32Array;
}

interface SupervisedBatch {
  readonly model: CausalLm;
  readonly padTokenId: number;
  readonly examples: readonly SftExample[];
  readonly microBatchSize: number;
}

/** Learnt tokens of an example. */
export function countLearntTokens(example: SftExample): number {
  return completionLength({ ids: example.tokenIds, promptLength: example.promptLength });
}

/** Weights of the learnt tokens in the order of `packSequences`, Σ = 1 over all examples. */
function normaliseWeights(examples: readonly SftExample[]): Float32Array {
  const weights: number[] = [];
  let sum = 0;
  for (const { tokenIds, promptLength, tokenWeights } of examples) {
    for (let t = Math.max(1, promptLength); t < tokenIds.length; t++) {
      const weight = tokenWeights?.[t] ?? 1;
      weights.push(weight);
      sum += weight;
    }
  }
  return Float32Array.from(weights, (weight) => (sum > 0 ? weight / sum : 0));
}

/** Micro-batches with the share of the whole's weights that is theirs. */
function* cutMicroBatches({ examples, microBatchSize, padTokenId }: SupervisedBatch) {
  const weights = normaliseWeights(examples);
  let done = 0;
  for (let at = 0; at < examples.length; at += microBatchSize) {
    const packed = packSequences(
      examples
        .slice(at, at + microBatchSize)
        .map(({ tokenIds, promptLength }) => ({ ids: tokenIds, promptLength })),
      { padTokenId },
    );
    const own = weights.subarray(done, done + packed.targets.length);
    done += packed.targets.length;
    if (packed.targets.length > 0) yield { packed, weights: own };
  }
}

function supervisedLoss(
  model: CausalLm,
  packed: ReturnType<typeof packSequences>,
  weights: Float32Array,
): tf.Scalar {
  const hidden = selectRows(model.hiddenStates(packed.batch), packed.rows); // [N, D]
  const logProbs = model.tokenLogProbs(hidden, tf.tensor1d(packed.targets, 'int32')); // [N]
  return computeCrossEntropy(logProbs, tf.tensor1d(weights));
}

/**
 * The loss −Σ_t w_t·log π(y_t) / Σ_t w_t over the learnt tokens of the whole batch (nats); its gradient times `scale` is
 * added to the accumulator, micro-batch by micro-batch.
 */
export async function addSupervisedGradients(
  batch: SupervisedBatch,
  accumulator: GradientAccumulator,
  scale = 1,
): Promise<number> {
  const parameters = batch.model.trainableParameters();
  let loss = 0;
  for (const { packed, weights } of cutMicroBatches(batch)) {
    const scaled = scale === 1 ? weights : weights.map((weight) => weight * scale);
    const { value, gradients } = computeGradients(
      () => supervisedLoss(batch.model, packed, scaled),
      parameters,
    );
    accumulator.add(gradients);
    loss += (await value.data())[0]!;
    value.dispose();
  }
  return scale === 0 ? 0 : loss / scale;
}

/** Loss of the examples under the model, nats per (weighted) token; nothing is changed. Throws `InputError` on bad examples. */
export async function evaluateLoss(batch: SupervisedBatch): Promise<number> {
  checkExamples(batch.examples);
  const learnt = batch.examples.filter((example) => countLearntTokens(example) > 0);
  const examples = learnt.sort((a, b) => a.tokenIds.length - b.tokenIds.length);
  let loss = 0;
  for (const { packed, weights } of cutMicroBatches({ ...batch, examples })) {
    const value = tf.tidy(() => supervisedLoss(batch.model, packed, weights));
    loss += (await value.data())[0]!;
    value.dispose();
  }
  return loss;
}

/** Throws `InputError` naming the first example that does not fit, or when there is nothing to learn. */
export function checkExamples(examples: readonly SftExample[]): void {
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
    learnt += countLearntTokens(example);
  });
  if (learnt > 0) return;
  throw new InputError({
    code: 'TRAINER_NO_EXAMPLES',
    message: `Expected at least one example with a completion to learn, got ${examples.length} examples without any. Check the data and the truncation.`,
  });
}

/** SHA-256 over ids, prompt lengths and weights. */
export function hashExamples(examples: readonly SftExample[]): string {
  return sha256Hex(
    canonicalJson(
      examples.map((e) => [[...e.tokenIds], e.promptLength, e.tokenWeights ? [...e.tokenWeights] : null]),
    ),
  );
}
