import {
  type Clock,
  InputError,
  type Rng,
  systemClock,
  throwIfCancelled,
  type WarningEvent,
} from '@srcode/core';
import type { CausalLm, Tokenizer } from '@srcode/model';
import {
  type CheckpointOptions,
  captureRun,
  fingerprintRun,
  type ResumedEvent,
  resumeRun,
} from './checkpoint/run-state.js';
import { computeGae } from './maths/compute-gae.js';
import { estimateKl, type KlEstimator } from './maths/estimate-kl.js';
import { learningRateAt } from './maths/learning-rate.js';
import type { MetricsEvent } from './metrics/metrics.js';
import { AdamW } from './optimizer/adamw.js';
import { ValueHead } from './optimizer/value-head.js';
import {
  type CreditSettings,
  localCredit,
  type PolicyUpdateSettings,
  resolveUpdateSettings,
} from './policy-settings.js';
import { measureRollouts } from './rollouts/measure-rollouts.js';
import type {
  GenerateFunction,
  RewardFunction,
  RolloutPrompt,
  RolloutsEvent,
  SamplingSettings,
} from './rollouts/rollout.js';
import { checkPrompts, choosePrompts, sampleRollouts, scoreRewards } from './rollouts/sample-rollouts.js';
import { scoreSequences } from './rollouts/score-sequences.js';
import {
  type LearningRollout,
  normaliseRollouts,
  type ReplayOptions,
  updatePolicy,
} from './rollouts/update-policy.js';
import { checkExamples, hashExamples } from './supervised.js';

export interface PpoSettings extends PolicyUpdateSettings {
  /** Default `localCredit`. */
  readonly credit?: CreditSettings;
  /** β_KL: weight of the KL term inside the reward. Default 0.02. */
  readonly klCoefficient?: number;
  /** Default `k1`, whose expectation has the right gradient inside a reward. */
  readonly klEstimator?: KlEstimator;
  /** Added to the reward of the last token of a completion that did not end by itself. Default 0. */
  readonly missingStopReward?: number;
  /** Learning rate of the value head. Default 1e-2 (it is linear and starts from 0). */
  readonly criticLearningRate?: number;
  /** Range in which a value may move per step. Default: free. */
  readonly valueClip?: number;
  /** Ends training when the mean KL to the reference (k1, nats per token) exceeds this. Default: never. */
  readonly maxReferenceKl?: number;
}

export interface PpoOptions {
  readonly model: CausalLm;
  /** Frozen copy of the policy before training (or the base under its adapters). Never changed. */
  readonly reference: CausalLm;
  readonly tokenizer: Tokenizer;
  /** Samples from `model`. */
  readonly generate: GenerateFunction;
  readonly prompts: readonly RolloutPrompt[];
  readonly reward: RewardFunction;
  /** Rollout–update rounds. */
  readonly steps: number;
  readonly sampling: SamplingSettings;
  readonly settings: PpoSettings;
  readonly rng: Rng;
  /**
   * Utility anchor (our choice): supervised examples learnt beside the rollouts, such as known answers with weight 0 on
   * the tokens that a fix changes, so that the update holds what security does not concern. Default: none.
   */
  readonly replay?: ReplayOptions;
  readonly run?: PolicyRunOptions;
}

/** How the job is run; nothing here changes what is learnt. */
export interface PolicyRunOptions {
  /** Name in metrics and checkpoints. Default `ppo` (or `grpo`). */
  readonly stage?: string;
  readonly checkpoints?: CheckpointOptions;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

export type PolicyEvent = MetricsEvent | RolloutsEvent | ResumedEvent | WarningEvent;

export interface PolicyResult {
  readonly steps: number;
  /** `done`, or `kl` when `maxReferenceKl` ended the run. */
  readonly stopped: 'done' | 'kl';
}

/**
 * PPO with token-level rewards: a job that yields the rollouts and the metrics of every step.
 *
 *     r_t = reward_t − β_KL·kl_t (+ missingStopReward on the last token)
 *     A   = GAE(γ, λ) of r and the value head, then normalised          (`CreditSettings`)
 *     K epochs of minibatches on the clipped objective                   (`computePolicyLoss`)
 *
 * The token reward and its place in PPO are the paper's (arXiv 2602.23407). γ, λ, normalisation, critic,
 * asymmetric clip, the advantage outside the clip and the anchor are our choice, not the paper's.
 * Changes `model` in place, never `reference`. Same seed and backend → same bytes, resumed or not.
 */
export async function* trainPpo(options: PpoOptions): AsyncGenerator<PolicyEvent, PolicyResult> {
  const { model, reference, tokenizer, prompts, sampling, steps, rng, run = {} } = options;
  const { stage = 'ppo', checkpoints, signal } = run;
  const clock = run.clock ?? systemClock;
  const settings = options.settings;
  const credit = settings.credit ?? localCredit;
  const klCoefficient = settings.klCoefficient ?? 0.02;
  const update = resolveUpdateSettings(settings, sampling.promptsPerStep * sampling.samplesPerPrompt);
  const padTokenId = tokenizer.padTokenId;
  const microBatchSize = update.microBatchSize;
  if (credit.advantageClip !== undefined && !(credit.advantageClip > 0))
    throw new InputError({
      code: 'TRAINER_OPTION_RANGE',
      message: `Expected advantageClip to be above 0, got ${credit.advantageClip}.`,
      context: { name: 'advantageClip', value: credit.advantageClip },
    });
  checkPrompts(prompts);
  if (options.replay !== undefined) checkExamples(options.replay.examples);

  // The policy and the value head, each with its own AdamW.
  const parameters = model.trainableParameters();
  const optimizer = new AdamW(parameters, settings.optimizer);
  const head = credit.critic ? new ValueHead(model.config.hiddenSize) : null;
  const groups = {
    model: { parameters, optimizer },
    ...(head === null ? {} : { valueHead: { parameters: head.parameters, optimizer: head.optimizer } }),
  };
  const fingerprint = fingerprintRun({
    stage,
    steps,
    sampling,
    settings,
    replay: options.replay ? { ...options.replay, examples: hashExamples(options.replay.examples) } : null,
    prompts: prompts.map((prompt) => [prompt.sourceId, [...prompt.promptIds]]),
    rng: rng.fork('fingerprint').nextUint32(),
  });
  try {
    const resumed = await resumeRun(checkpoints, { stage, fingerprint }, groups);
    if (resumed !== null) yield* resumed.events;
    let stopped: PolicyResult['stopped'] = resumed?.counters.stopped ? 'kl' : 'done';
    let step = resumed?.step ?? 0;
    for (; step < steps && stopped === 'done'; step++) {
      throwIfCancelled(signal);
      const startedMs = clock.now();

      // 1. Rollouts: exact sampled ids and their log-probabilities.
      const rollouts = await sampleRollouts({
        prompts: choosePrompts(prompts, step, sampling.promptsPerStep, rng.fork('prompts')),
        settings: sampling,
        generate: options.generate,
        tokenizer,
        step,
        rng: rng.fork('rollouts', step),
        signal,
      });

      // 2. Rewards, one value per sampled token.
      const rewards = await scoreRewards(options.reward, rollouts);

      // 3. Values under the policy, log-probabilities under the reference.
      const sequences = rollouts.map((rollout) => ({
        ids: Int32Array.from([...rollout.promptIds, ...rollout.tokenIds]),
        promptLength: rollout.promptIds.length,
      }));
      const scoring = { padTokenId, microBatchSize };
      const { logProbs: referenceLogProbs } = await scoreSequences(reference, sequences, scoring);
      const oldValues =
        head === null
          ? rollouts.map((rollout) => new Float32Array(rollout.tokenIds.length))
          : (await scoreSequences(model, sequences, { ...scoring, valueHead: head })).values;

      // 4. Advantages.
      const unscaled = rollouts.map((rollout, index): LearningRollout => {
        const { logProbs: oldLogProbs } = rollout;
        const taskRewards = rewards[index]!.values;
        const kl = estimateKl(oldLogProbs, referenceLogProbs[index]!, settings.klEstimator);
        const shaped = taskRewards.map((reward, t) => reward - klCoefficient * kl[t]!);
        if (rollout.finishReason === 'length' && shaped.length > 0)
          shaped[shaped.length - 1]! += settings.missingStopReward ?? 0;
        const { gamma, lambda } = credit;
        const values = oldValues[index]!;
        const { advantages, returns } = computeGae(shaped, values, gamma, lambda);
        // GAE is linear in the rewards: the task's share can be taken out and put outside the clip.
        const noValues = new Float32Array(values.length);
        const direct = credit.outsideClip
          ? computeGae(taskRewards, noValues, gamma, lambda).advantages
          : null;
        return {
          sequence: sequences[index]!,
          oldLogProbs,
          referenceLogProbs: referenceLogProbs[index]!,
          taskRewards,
          advantages: direct === null ? advantages : advantages.map((a, t) => a - direct[t]!),
          directAdvantages: direct,
          oldValues: values,
          returns,
        };
      });
      const learning = normaliseRollouts(unscaled, credit.normalise, credit.advantageClip);

      // 5. Update.
      const learningRate = learningRateAt(settings.learningRate, step, steps);
      const figures = await updatePolicy({
        model,
        padTokenId,
        rollouts: learning,
        settings: update,
        optimizer,
        learningRate,
        critic:
          head === null
            ? null
            : { head, learningRate: settings.criticLearningRate ?? 1e-2, clip: settings.valueClip },
        lossKlCoefficient: 0,
        replay: options.replay ?? null,
        rng: rng.fork('update', step),
        where: `${stage} step ${step}`,
      });

      // 6. Metrics, storage, early stop.
      yield { type: 'rollouts', stage, step, rollouts, rewards };
      const seconds = Math.max(1e-3, (clock.now() - startedMs) / 1000);
      const metrics: Record<string, number> = {
        ...measureRollouts(rollouts, rewards, learning),
        ...figures,
        learningRate,
        tokensPerSecond: rollouts.reduce((sum, rollout) => sum + rollout.tokenIds.length, 0) / seconds,
      };
      yield { type: 'metrics', step, stage, metrics };
      if (metrics.kl! > (settings.maxReferenceKl ?? Number.POSITIVE_INFINITY)) stopped = 'kl';
      const last = step === steps - 1 || stopped !== 'done';
      if (checkpoints !== undefined && (last || (step + 1) % checkpoints.everySteps === 0)) {
        const facts = { stage, step: step + 1, fingerprint, counters: { stopped: stopped === 'kl' ? 1 : 0 } };
        await checkpoints.store.save(await captureRun(facts, groups));
      }
    }
    return { steps: step, stopped };
  } finally {
    optimizer.dispose();
    head?.dispose();
  }
}
