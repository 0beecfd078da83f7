import { systemClock, throwIfCancelled } from '@srcode/core';
import { captureRun, fingerprintRun, resumeRun } from './checkpoint/run-state.js';
import { computeGroupAdvantages, type GroupCredit } from './maths/group-advantages.js';
import { learningRateAt } from './maths/learning-rate.js';
import { AdamW } from './optimizer/adamw.js';
import { type PolicyUpdateSettings, resolveUpdateSettings } from './policy-settings.js';
import { measureRollouts } from './rollouts/measure-rollouts.js';
import { checkPrompts, choosePrompts, sampleRollouts, scoreRewards } from './rollouts/sample-rollouts.js';
import { scoreSequences } from './rollouts/score-sequences.js';
import { type LearningRollout, updatePolicy } from './rollouts/update-policy.js';
import { checkExamples, hashExamples } from './supervised.js';
import type { PolicyEvent, PolicyResult, PpoOptions } from './train-ppo.js';

export interface GrpoSettings extends PolicyUpdateSettings {
  /** Default `local`. */
  readonly credit?: GroupCredit;
  /** β_KL: weight of k3 to the reference as a loss term. Default 0.02. */
  readonly klCoefficient?: number;
  /** Ends training when the mean KL to the reference (k1, nats per token) exceeds this. Default: never. */
  readonly maxReferenceKl?: number;
}

export interface GrpoOptions extends Omit<PpoOptions, 'settings'> {
  readonly settings: GrpoSettings;
}

/**
 * GRPO with token-level rewards: a job that yields the rollouts and the metrics of every step.
 *
 *     A   = group-normalised rewards of the `samplesPerPrompt` completions of one prompt  (`GroupCredit`)
 *     one or more epochs on the clipped objective + β_KL·k3(π ‖ π_ref)
 *
 * With `credit: 'sequence'` and `lossMean: 'sequence'` this is Shao et al. 2024. Token-level credit inside GRPO is
 * not in the paper that SRCode implements, which uses PPO: `future` and `local` are our choice.
 * There is no value head. Changes `model` in place, never `reference`.
 */
export async function* trainGrpo(options: GrpoOptions): AsyncGenerator<PolicyEvent, PolicyResult> {
  const { model, reference, tokenizer, prompts, sampling, steps, rng, settings, run = {} } = options;
  const { stage = 'grpo', checkpoints, signal } = run;
  const clock = run.clock ?? systemClock;
  const groupSize = sampling.samplesPerPrompt;
  const update = resolveUpdateSettings(settings, sampling.promptsPerStep * groupSize);
  const padTokenId = tokenizer.padTokenId;
  checkPrompts(prompts);
  if (options.replay !== undefined) checkExamples(options.replay.examples);

  const parameters = model.trainableParameters();
  const optimizer = new AdamW(parameters, settings.optimizer);
  const groups = { model: { parameters, optimizer } };
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

      // 1. Rollouts, a group per prompt.
      const rollouts = await sampleRollouts({
        prompts: choosePrompts(prompts, step, sampling.promptsPerStep, rng.fork('prompts')),
        settings: sampling,
        generate: options.generate,
        tokenizer,
        step,
        rng: rng.fork('rollouts', step),
        signal,
      });

      // 2. Rewards, one value per sampled token, and the reference's log-probabilities.
      const rewards = await scoreRewards(options.reward, rollouts);
      const sequences = rollouts.map((rollout) => ({
        ids: Int32Array.from([...rollout.promptIds, ...rollout.tokenIds]),
        promptLength: rollout.promptIds.length,
      }));
      const scoring = { padTokenId, microBatchSize: update.microBatchSize };
      const { logProbs: referenceLogProbs } = await scoreSequences(reference, sequences, scoring);

      // 3. Advantages, group by group.
      const advantages: Float32Array[] = [];
      for (let at = 0; at < rollouts.length; at += groupSize) {
        const group = rewards.slice(at, at + groupSize).map((reward) => reward.values);
        advantages.push(...computeGroupAdvantages(group, settings.credit ?? 'local'));
      }
      const learning = rollouts.map((rollout, index): LearningRollout => {
        const nothing = new Float32Array(rollout.tokenIds.length);
        return {
          sequence: sequences[index]!,
          oldLogProbs: rollout.logProbs,
          referenceLogProbs: referenceLogProbs[index]!,
          taskRewards: rewards[index]!.values,
          advantages: advantages[index]!,
          directAdvantages: null,
          oldValues: nothing,
          returns: nothing,
        };
      });

      // 4. Update.
      const learningRate = learningRateAt(settings.learningRate, step, steps);
      const figures = await updatePolicy({
        model,
        padTokenId,
        rollouts: learning,
        settings: update,
        optimizer,
        learningRate,
        critic: null,
        lossKlCoefficient: settings.klCoefficient ?? 0.02,
        replay: options.replay ?? null,
        rng: rng.fork('update', step),
        where: `${stage} step ${step}`,
      });

      // 5. Metrics, storage, early stop.
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
  }
}
