import type { Rng } from '@srcode/core';
import type { CausalLm } from '@srcode/model';
import * as tf from '@tensorflow/tfjs-core';
import { packSequences, type TrainingSequence } from '../batching/pack-sequences.js';
import { selectRows } from '../batching/select-rows.js';
import { meanOf, meanWeights } from '../maths/mean-weights.js';
import { computeDivergence, computeEntropy, computePolicyLoss } from '../maths/policy-loss.js';
import { type AdvantageNormalisation, fitNormalisation } from '../maths/whiten.js';
import type { AdamW } from '../optimizer/adamw.js';
import { computeGradients, GradientAccumulator } from '../optimizer/compute-gradients.js';
import type { ValueHead } from '../optimizer/value-head.js';
import type { EffectiveUpdateSettings } from '../policy-settings.js';
import { addSupervisedGradients, type SftExample } from '../supervised.js';

/** A rollout with all that its update needs; every array has one entry per completion token. */
export interface LearningRollout {
  readonly sequence: TrainingSequence;
  readonly oldLogProbs: Float32Array;
  readonly referenceLogProbs: Float32Array;
  /** The task's reward, without the KL term: tells the anchor which tokens it must leave alone. */
  readonly taskRewards: Float32Array;
  readonly advantages: Float32Array;
  /** Advantages outside the clip, or null. */
  readonly directAdvantages: Float32Array | null;
  readonly oldValues: Float32Array;
  readonly returns: Float32Array;
}

/** Supervised examples that every update learns beside its rollouts. */
export interface ReplayOptions {
  readonly examples: readonly SftExample[];
  /** Weight of their cross-entropy beside the policy loss. */
  readonly coefficient: number;
  /** Examples per update, drawn anew each time. */
  readonly batchSize: number;
}

export interface PolicyUpdateInputs {
  readonly model: CausalLm;
  readonly padTokenId: number;
  readonly rollouts: readonly LearningRollout[];
  readonly settings: EffectiveUpdateSettings;
  readonly optimizer: AdamW;
  readonly learningRate: number;
  /** Null: no critic. */
  readonly critic: {
    readonly head: ValueHead;
    readonly learningRate: number;
    readonly clip: number | undefined;
  } | null;
  /** Weight of k3 from the reference on *all* tokens, as a loss (GRPO has it there, PPO in the reward). */
  readonly lossKlCoefficient: number;
  /** Null: no replay. */
  readonly replay: ReplayOptions | null;
  readonly rng: Rng;
  /** For error messages. */
  readonly where: string;
}

/** Means over the updates of one step. */
export interface PolicyUpdateFigures {
  readonly policyLoss: number;
  readonly valueLoss: number;
  readonly gradNorm: number;
  /** Share of tokens whose gradient the clip stopped. */
  readonly clipFraction: number;
  /** Mean k3 between the sampling policy and the policy at the last update's forward pass, nats per token. */
  readonly updateKl: number;
  readonly updates: number;
  /** Cross-entropy of the replayed examples, nats per weighted token; 0 without any. */
  readonly replayLoss: number;
}

/** Changes the model (and the value head) by `epochs` passes over the rollouts; returns what happened. */
export async function updatePolicy(inputs: PolicyUpdateInputs): Promise<PolicyUpdateFigures> {
  const { settings, optimizer, critic, rng } = inputs;
  const rollouts = inputs.rollouts.filter((rollout) => rollout.advantages.length > 0);
  const policyGradients = new GradientAccumulator();
  const valueGradients = new GradientAccumulator();
  const figures: FigureLists = {
    policyLoss: [],
    valueLoss: [],
    gradNorm: [],
    clipFraction: [],
    replayLoss: [],
  };
  let updateKl = 0;
  try {
    for (let epoch = 0; epoch < settings.epochs; epoch++) {
      const order = rng.fork('epoch', epoch).shuffle(rollouts);
      for (let start = 0; start < order.length; start += settings.minibatchSize) {
        const minibatch = order.slice(start, start + settings.minibatchSize);
        // Rows of like length side by side, so that a micro-batch holds little padding.
        minibatch.sort((a, b) => a.sequence.ids.length - b.sequence.ids.length);
        const weights = meanWeights(
          minibatch.map((rollout) => rollout.advantages.length),
          settings.lossMean,
        );
        let done = 0;
        let policyLoss = 0;
        let valueLoss = 0;
        let clipped = 0;
        let divergence = 0;
        for (let at = 0; at < minibatch.length; at += settings.microBatchSize) {
          const part = minibatch.slice(at, at + settings.microBatchSize);
          const tokens = part.reduce((sum, rollout) => sum + rollout.advantages.length, 0);
          const step = await computePartGradients(inputs, part, weights.subarray(done, done + tokens));
          done += tokens;
          policyGradients.add(step.policy);
          if (step.value !== null) valueGradients.add(step.value);
          policyLoss += step.policyLoss;
          valueLoss += step.valueLoss;
          clipped += step.clipped;
          divergence += step.divergence;
        }
        updateKl = divergence / done;
        // The first update of a step is always made: nothing can have moved before it.
        if (updateKl > settings.maxUpdateKl && figures.gradNorm.length > 0)
          return summarise(figures, updateKl);
        if (inputs.replay !== null) {
          const draw = rng.fork('replay', epoch, start);
          const { examples, coefficient, batchSize } = inputs.replay;
          const chosen = Array.from({ length: batchSize }, () => draw.pick(examples));
          const { model, padTokenId } = inputs;
          const { microBatchSize } = settings;
          figures.replayLoss.push(
            await addSupervisedGradients(
              { model, padTokenId, examples: chosen, microBatchSize },
              policyGradients,
              coefficient,
            ),
          );
        }
        const gradNorm = await policyGradients.globalNorm(inputs.where);
        optimizer.update(policyGradients.gradients, inputs.learningRate, gradNorm);
        policyGradients.dispose();
        if (critic !== null) {
          const norm = await valueGradients.globalNorm(`${inputs.where}, value head`);
          critic.head.optimizer.update(valueGradients.gradients, critic.learningRate, norm);
          valueGradients.dispose();
        }
        figures.policyLoss.push(policyLoss);
        figures.valueLoss.push(valueLoss);
        figures.gradNorm.push(gradNorm);
        figures.clipFraction.push(clipped / done);
      }
    }
    return summarise(figures, updateKl);
  } finally {
    policyGradients.dispose();
    valueGradients.dispose();
  }
}

type FigureLists = Record<'policyLoss' | 'valueLoss' | 'gradNorm' | 'clipFraction' | 'replayLoss', number[]>;

function summarise(figures: FigureLists, updateKl: number): PolicyUpdateFigures {
  return {
    policyLoss: meanOf(figures.policyLoss),
    valueLoss: meanOf(figures.valueLoss),
    gradNorm: meanOf(figures.gradNorm),
    clipFraction: meanOf(figures.clipFraction),
    replayLoss: meanOf(figures.replayLoss),
    updateKl,
    updates: figures.gradNorm.length,
  };
}

interface PartGradients {
  readonly policy: Map<string, tf.Tensor>;
  readonly value: Map<string, tf.Tensor> | null;
  readonly policyLoss: number;
  readonly valueLoss: number;
  /** Tokens whose gradient the clip stopped. */
  readonly clipped: number;
  /** Σ k3 from the sampling policy. */
  readonly divergence: number;
}

/** Gradients of one micro-batch. Caller owns them. */
async function computePartGradients(
  inputs: PolicyUpdateInputs,
  part: readonly LearningRollout[],
  weights: Float32Array,
): Promise<PartGradients> {
  const { model, settings, critic } = inputs;
  const packed = packSequences(
    part.map((rollout) => rollout.sequence),
    { padTokenId: inputs.padTokenId },
  );
  const join = (pick: (rollout: LearningRollout) => Float32Array): Float32Array => concat(part.map(pick));
  const oldLogProbs = join((rollout) => rollout.oldLogProbs);
  const referenceLogProbs = join((rollout) => rollout.referenceLogProbs);
  const advantages = join((rollout) => rollout.advantages);
  const taskRewards = join((rollout) => rollout.taskRewards);
  const direct = part.some((rollout) => rollout.directAdvantages !== null)
    ? join((rollout) => rollout.directAdvantages ?? new Float32Array(rollout.advantages.length))
    : null;
  // Divergence from the reference: everywhere (GRPO) and, as the anchor, where no reward lies.
  const pull = weights.map(
    (weight, t) =>
      weight * (inputs.lossKlCoefficient + (taskRewards[t] === 0 ? settings.anchorCoefficient : 0)),
  );
  const kept: { hidden?: tf.Tensor2D; logProbs?: tf.Tensor1D } = {};
  try {
    const { value, gradients } = computeGradients(() => {
      const hidden = selectRows(model.hiddenStates(packed.batch), packed.rows); // [N, D]
      const logProbs = model.tokenLogProbs(hidden, tf.tensor1d(packed.targets, 'int32')); // [N]
      kept.logProbs = tf.keep(logProbs.clone());
      if (critic !== null) kept.hidden = tf.keep(hidden.clone());
      let loss = computePolicyLoss(logProbs, {
        oldLogProbs: tf.tensor1d(oldLogProbs),
        advantages: tf.tensor1d(advantages),
        directAdvantages: direct === null ? undefined : tf.tensor1d(direct),
        weights: tf.tensor1d(weights),
        clipLow: settings.clipLow,
        clipHigh: settings.clipHigh,
      });
      if (pull.some((weight) => weight !== 0)) {
        const drift = computeDivergence(logProbs, tf.tensor1d(referenceLogProbs), tf.tensor1d(pull));
        loss = tf.add(loss, drift) as tf.Scalar;
      }
      if (settings.entropyCoefficient !== 0) {
        const scaled = tf.tensor1d(weights.map((weight) => weight * settings.entropyCoefficient));
        loss = tf.sub(loss, computeEntropy(model.logits(hidden), scaled)) as tf.Scalar;
      }
      return loss;
    }, inputs.model.trainableParameters());
    const policyLoss = (await value.data())[0]!;
    value.dispose();
    const logProbs = (await kept.logProbs!.data()) as Float32Array;
    const valued =
      critic === null
        ? null
        : await critic.head.computeGradients(kept.hidden!, {
            oldValues: join((rollout) => rollout.oldValues),
            returns: join((rollout) => rollout.returns),
            weights,
            clip: critic.clip,
          });
    return {
      policy: gradients,
      value: valued?.gradients ?? null,
      policyLoss,
      valueLoss: valued?.loss ?? 0,
      ...measureDrift(logProbs, oldLogProbs, advantages, settings),
    };
  } finally {
    kept.logProbs?.dispose();
    kept.hidden?.dispose();
  }
}

function measureDrift(
  logProbs: Float32Array,
  oldLogProbs: Float32Array,
  advantages: Float32Array,
  settings: EffectiveUpdateSettings,
): { readonly clipped: number; readonly divergence: number } {
  let clipped = 0;
  let divergence = 0;
  for (let t = 0; t < logProbs.length; t++) {
    const d = logProbs[t]! - oldLogProbs[t]!;
    const ratio = Math.exp(d);
    if (advantages[t]! > 0 && ratio > 1 + settings.clipHigh) clipped++;
    if (advantages[t]! < 0 && ratio < 1 - settings.clipLow) clipped++;
    divergence += Math.expm1(d) - d;
  }
  return { clipped, divergence };
}

/** The rollouts with their advantages normalised over all tokens together; a split advantage keeps its split. */
export function normaliseRollouts(
  rollouts: readonly LearningRollout[],
  how: AdvantageNormalisation,
  clip = Number.POSITIVE_INFINITY,
): LearningRollout[] {
  const whole = concat(
    rollouts.map(({ advantages, directAdvantages }) =>
      directAdvantages === null ? advantages : advantages.map((a, t) => a + directAdvantages[t]!),
    ),
  );
  const { shift, factor } = fitNormalisation(whole, how, concat(rollouts.map((r) => r.taskRewards)));
  return rollouts.map((rollout) => {
    const advantages = rollout.advantages.map((a) => (a - shift) * factor);
    const directAdvantages = rollout.directAdvantages?.map((a) => a * factor) ?? null;
    for (const [t, advantage] of advantages.entries()) {
      const size = Math.abs(advantage + (directAdvantages?.[t] ?? 0));
      if (size <= clip) continue;
      // Both parts shrink alike.
      advantages[t] = (advantage * clip) / size;
      if (directAdvantages !== null) directAdvantages[t]! *= clip / size;
    }
    return { ...rollout, advantages, directAdvantages };
  });
}

/** One array after another. */
export function concat(arrays: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    out.set(array, at);
    at += array.length;
  }
  return out;
}
