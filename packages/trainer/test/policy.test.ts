import { drainJob, fixedClock, Rng } from '@srcode/core';
import type { CausalLm } from '@srcode/model';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  evaluateLoss,
  type GrpoSettings,
  localCredit,
  type PolicyEvent,
  type PpoOptions,
  type PpoSettings,
  type RewardFunction,
  scoreSequences,
  standardCredit,
  trainGrpo,
  trainPpo,
} from '../src/index.js';
import {
  createLetterTokenizer,
  createMemoryCheckpointStore,
  createSlowGenerate,
  createToyModel,
  readParameterBytes,
} from '../src/testing/index.js';
import { useCpuBackend } from '../src/testing/use-cpu-backend.js';

useCpuBackend();

const wanted = 5; // "d"
const unwanted = 6; // "e"
const tokenizer = createLetterTokenizer();

/** A bandit in every position: the wanted letter earns 1, the unwanted one loses 1, on the token itself. */
const tokenReward: RewardFunction = async (rollouts) =>
  rollouts.map(({ tokenIds }) => {
    const values = Float32Array.from(tokenIds, (id) => (id === wanted ? 1 : id === unwanted ? -1 : 0));
    return { values, total: values.reduce((a, b) => a + b, 0) };
  });

/** The same total on the last token. */
const instanceReward: RewardFunction = async (rollouts) =>
  (await tokenReward(rollouts)).map(({ values, total }) => {
    const last = new Float32Array(values.length);
    last[last.length - 1] = total;
    return { values: last, total };
  });

const prompts = [2, 3, 4].map((id) => ({
  sourceId: `prompt-${id}`,
  promptText: tokenizer.decode([id]),
  promptIds: Int32Array.of(id),
}));

type Shared = Omit<PpoOptions, 'model' | 'reference' | 'settings' | 'generate'>;

const shared = (overrides: Partial<Shared> = {}): Shared => ({
  tokenizer,
  prompts,
  reward: tokenReward,
  steps: 3,
  sampling: { promptsPerStep: 3, samplesPerPrompt: 4, maxNewTokens: 5, stopTokenIds: [1] },
  rng: Rng.fromSeed(3),
  run: { clock: fixedClock(0, 500) },
  ...overrides,
});

async function run(job: AsyncGenerator<PolicyEvent, unknown>) {
  const events: PolicyEvent[] = [];
  const result = await drainJob(job, (event) => events.push(event));
  const metrics = events.flatMap((event) => (event.type === 'metrics' ? [event.metrics] : []));
  return { events, metrics, result };
}

function ppo(model: CausalLm, reference: CausalLm, settings: PpoSettings, overrides: Partial<Shared> = {}) {
  return trainPpo({ ...shared(overrides), model, reference, generate: createSlowGenerate(model), settings });
}

/** Mean probability of a letter as the first token, over the prompts. */
async function probabilityOf(model: CausalLm, id: number): Promise<number> {
  const sequences = prompts.map((prompt) => ({
    ids: Int32Array.of(prompt.promptIds[0]!, id),
    promptLength: 1,
  }));
  const { logProbs } = await scoreSequences(model, sequences, { padTokenId: 0, microBatchSize: 3 });
  return logProbs.reduce((sum, row) => sum + Math.exp(row[0]!), 0) / logProbs.length;
}

const fast: PpoSettings = { learningRate: { peak: 0.01 }, klCoefficient: 0, epochs: 2, minibatchSize: 6 };

describe('trainPpo', () => {
  it('raises the rewarded token, lowers the penalised one, leaves the reference alone', async () => {
    const [model, reference] = [createToyModel(1), createToyModel(1)];
    const frozen = await readParameterBytes(reference);
    const before = [await probabilityOf(model, wanted), await probabilityOf(model, unwanted)];
    const { metrics } = await run(ppo(model, reference, fast, { steps: 12 }));
    expect(await probabilityOf(model, wanted)).toBeGreaterThan(before[0]! + 0.25);
    expect(await probabilityOf(model, unwanted)).toBeLessThan(before[1]! / 2);
    expect(metrics.at(-1)!.reward).toBeGreaterThan(metrics[0]!.reward! + 1);
    expect(metrics.at(-1)!.rewardSecureShare).toBeGreaterThan(0.9);
    expect(await readParameterBytes(reference)).toBe(frozen);
    expect(metrics[0]!.kl).toBeCloseTo(0, 4);
    expect(metrics.at(-1)!.kl).toBeGreaterThan(0.1);
    model.dispose();
    reference.dispose();
  });

  it('keeps the advantage on the rewarded token; gamma = lambda = 1 with whitening smears it', async () => {
    const [model, reference] = [createToyModel(1), createToyModel(1)];
    const locality = async (credit: PpoSettings['credit']) => {
      const settings = { learningRate: { peak: 0 }, klCoefficient: 0, ...(credit ? { credit } : {}) };
      return (await run(ppo(model, reference, settings, { steps: 1 }))).metrics[0]!.advantageLocality!;
    };
    expect(await locality(undefined)).toBe(1);
    expect(await locality({ ...localCredit, outsideClip: true })).toBeCloseTo(1, 6);
    expect(await locality({ ...localCredit, normalise: 'whiten' })).toBeLessThan(0.95);
    expect(await locality(standardCredit)).toBeLessThan(0.5);
    model.dispose();
    reference.dispose();
  });

  it('reports every figure, finite, and the rollouts with their rewards', async () => {
    const [model, reference] = [createToyModel(1), createToyModel(1)];
    const settings = { ...fast, credit: standardCredit, anchorCoefficient: 0.1, entropyCoefficient: 0.01 };
    const { events, metrics } = await run(ppo(model, reference, settings));
    const names = [
      ...['reward', 'rewardSecureShare', 'kl', 'klMax', 'clipFraction', 'valueLoss', 'policyLoss'],
      ...['entropy', 'explainedVariance', 'responseLength', 'stopRate', 'gradNorm', 'advantageLocality'],
    ];
    for (const figures of metrics)
      for (const name of names) expect(Number.isFinite(figures[name]), name).toBe(true);
    expect(metrics.at(-1)!.valueLoss).toBeGreaterThan(0);
    const rollouts = events.filter((event) => event.type === 'rollouts');
    expect(rollouts).toHaveLength(3);
    for (const { rollouts: sampled, rewards } of rollouts) {
      expect(sampled).toHaveLength(12);
      sampled.forEach((rollout, i) => {
        expect(rewards[i]!.values).toHaveLength(rollout.tokenIds.length);
        expect(rollout.completion).toBe(tokenizer.decode(rollout.tokenIds));
      });
    }
    model.dispose();
    reference.dispose();
  });

  it('records the log-probabilities of the very ids that were sampled', async () => {
    const [model, reference] = [createToyModel(1), createToyModel(1)];
    const { events } = await run(ppo(model, reference, { learningRate: { peak: 0 } }, { steps: 1 }));
    const { rollouts } = events.find((event) => event.type === 'rollouts')!;
    const sequences = rollouts.map((r) => ({
      ids: Int32Array.from([...r.promptIds, ...r.tokenIds]),
      promptLength: r.promptIds.length,
    }));
    const { logProbs } = await scoreSequences(model, sequences, { padTokenId: 0, microBatchSize: 5 });
    rollouts.forEach((rollout, i) => {
      rollout.logProbs.forEach((logProb, t) => {
        expect(logProb).toBeCloseTo(logProbs[i]![t]!, 4);
      });
    });
    model.dispose();
    reference.dispose();
  });

  it('learns from an instance reward too, given credit that reaches back', async () => {
    const [model, reference] = [createToyModel(1), createToyModel(1)];
    const before = await probabilityOf(model, wanted);
    const settings: PpoSettings = { ...fast, credit: standardCredit };
    const { metrics } = await run(ppo(model, reference, settings, { steps: 16, reward: instanceReward }));
    expect(await probabilityOf(model, wanted)).toBeGreaterThan(before + 0.1);
    expect(metrics.at(-1)!.advantageLocality).toBeLessThan(0.5);
    model.dispose();
    reference.dispose();
  });

  it('moves further with the advantage outside the clip, once the clip has closed', async () => {
    const drift = async (outsideClip: boolean) => {
      const [model, reference] = [createToyModel(1), createToyModel(1)];
      const settings: PpoSettings = {
        ...fast,
        epochs: 8,
        clipLow: 0.05,
        clipHigh: 0.05,
        credit: { ...localCredit, outsideClip },
      };
      const { metrics } = await run(ppo(model, reference, settings, { steps: 1 }));
      const probability = await probabilityOf(model, wanted);
      model.dispose();
      reference.dispose();
      return { probability, clipFraction: metrics[0]!.clipFraction! };
    };
    const [inside, outside] = [await drift(false), await drift(true)];
    expect(inside.clipFraction).toBeGreaterThan(0.02);
    expect(outside.clipFraction).toBe(0);
    expect(outside.probability).toBeGreaterThan(inside.probability);
  });

  it('holds unrewarded tokens with the anchor', async () => {
    const drift = async (anchorCoefficient: number) => {
      const [model, reference] = [createToyModel(1), createToyModel(1)];
      await run(ppo(model, reference, { ...fast, anchorCoefficient }, { steps: 6 }));
      let sum = 0;
      for (const id of [2, 3, 4, 7, 8, 9, 10, 11])
        sum += Math.abs(Math.log((await probabilityOf(model, id)) / (await probabilityOf(reference, id))));
      model.dispose();
      reference.dispose();
      return sum;
    };
    expect(await drift(3)).toBeLessThan(0.8 * (await drift(0)));
  });

  it('holds replayed examples while it follows the reward', async () => {
    const known = { tokenIds: Int32Array.of(2, 9, 8, 7, 1), promptLength: 1 };
    const lossAfter = async (coefficient: number) => {
      const [model, reference] = [createToyModel(1), createToyModel(1)];
      const replay = { examples: [known], coefficient, batchSize: 2 };
      const { metrics } = await run(ppo(model, reference, fast, { steps: 6, replay }));
      const loss = await evaluateLoss({ model, padTokenId: 0, examples: [known], microBatchSize: 1 });
      model.dispose();
      reference.dispose();
      return {
        loss,
        rewards: [metrics[0]!.reward!, metrics.at(-1)!.reward!],
        replayLoss: metrics[0]!.replayLoss!,
      };
    };
    const [without, held] = [await lossAfter(0), await lossAfter(1)];
    expect(held.loss).toBeLessThan(without.loss - 0.5);
    expect(held.replayLoss).toBeGreaterThan(held.loss);
    expect(held.rewards[1]).toBeGreaterThan(held.rewards[0]!);
  });

  it('ends a step early on KL from the sampling policy, and the run on KL to the reference', async () => {
    const [model, reference] = [createToyModel(1), createToyModel(1)];
    const settings = { ...fast, learningRate: { peak: 0.05 }, epochs: 6, maxUpdateKl: 0.02 };
    const bounded = await run(ppo(model, reference, settings, { steps: 1 }));
    expect(bounded.metrics[0]!.updates).toBeLessThan(12);
    const ended = await run(ppo(model, reference, { ...fast, maxReferenceKl: 0.01 }, { steps: 10 }));
    expect(ended.result).toMatchObject({ stopped: 'kl' });
    expect(ended.metrics.length).toBeLessThan(10);
    model.dispose();
    reference.dispose();
  });

  it('resumes, value head included, into the bytes of a run that never stopped', async () => {
    const settings: PpoSettings = { ...fast, credit: standardCredit };
    const [whole, reference] = [createToyModel(1), createToyModel(1)];
    await run(ppo(whole, reference, settings, { steps: 5 }));
    const store = createMemoryCheckpointStore();
    const withStore = { steps: 5, run: { checkpoints: { store, everySteps: 2 } } };
    const cut = createToyModel(1);
    const job = ppo(cut, reference, settings, withStore);
    for (let seen = 0; seen < 7; seen++) await job.next(); // rollouts and metrics of 3 steps, then killed
    await job.return(undefined as never);
    const resumed = createToyModel(42);
    const { events } = await run(ppo(resumed, reference, settings, withStore));
    expect(events[0]).toEqual({ type: 'resumed', stage: 'ppo', step: 2 });
    expect(await readParameterBytes(resumed)).toBe(await readParameterBytes(whole));
    for (const model of [whole, reference, cut, resumed]) model.dispose();
  });

  it('keeps the number of tensors flat', async () => {
    const [model, reference] = [createToyModel(1), createToyModel(1)];
    const job = ppo(model, reference, { ...fast, credit: standardCredit, microBatchSize: 4 }, { steps: 8 });
    await job.next();
    await job.next();
    const before = tf.memory().numTensors;
    for (let step = await job.next(); !step.done; step = await job.next())
      expect(tf.memory().numTensors).toBe(before);
    model.dispose();
    reference.dispose();
  });

  it('fails loudly when the reward function breaks its contract', async () => {
    const [model, reference] = [createToyModel(1), createToyModel(1)];
    const broken = (reward: RewardFunction) => run(ppo(model, reference, fast, { reward }));
    await expect(
      broken(async (rollouts) => rollouts.map(() => ({ values: new Float32Array(1), total: 0 }))),
    ).rejects.toThrow(/one per sampled token/);
    await expect(broken(async () => [])).rejects.toThrow(/one reward per rollout/);
    await expect(
      broken(async (rollouts) =>
        rollouts.map((r) => ({ values: new Float32Array(r.tokenIds.length), total: Number.NaN })),
      ),
    ).rejects.toThrow(/finite/);
    const credit = { ...localCredit, advantageClip: 0 };
    await expect(run(ppo(model, reference, { ...fast, credit }))).rejects.toThrow(/advantageClip/);
    await expect(run(ppo(model, reference, fast, { prompts: [] }))).rejects.toThrow(/at least one prompt/);
    model.dispose();
    reference.dispose();
  });
});

describe('trainGrpo', () => {
  const grpo = (model: CausalLm, reference: CausalLm, settings: GrpoSettings, overrides: Partial<Shared>) =>
    trainGrpo({ ...shared(overrides), model, reference, generate: createSlowGenerate(model), settings });

  it('raises the rewarded token with every kind of credit', async () => {
    for (const credit of ['sequence', 'future', 'local'] as const) {
      const [model, reference] = [createToyModel(1), createToyModel(1)];
      const before = await probabilityOf(model, wanted);
      const settings: GrpoSettings = {
        learningRate: { peak: 0.002 },
        klCoefficient: 0,
        epochs: 2,
        minibatchSize: 6,
        credit,
      };
      const { metrics } = await run(grpo(model, reference, settings, { steps: 20 }));
      expect(await probabilityOf(model, wanted), credit).toBeGreaterThan(before + 0.08);
      // A step whose groups have no contrast (no penalised token left) has no advantage anywhere.
      const locality = metrics.map((figures) => figures.advantageLocality!).filter((share) => share > 0);
      expect(locality.length).toBeGreaterThan(7);
      // `sequence` smears in every step. `future` does on average only: a penalised token that opens a completion
      // has nothing before it to smear onto, so that a single step's share can come near 1.
      const mean = locality.reduce((sum, share) => sum + share, 0) / locality.length;
      if (credit === 'local') expect(new Set(locality)).toEqual(new Set([1]));
      else expect(credit === 'sequence' ? Math.max(...locality) : mean, credit).toBeLessThan(0.95);
      model.dispose();
      reference.dispose();
    }
  });

  it('stays near the reference under a strong KL term', async () => {
    const finalKl = async (klCoefficient: number) => {
      const [model, reference] = [createToyModel(1), createToyModel(1)];
      const settings: GrpoSettings = {
        learningRate: { peak: 0.01 },
        klCoefficient,
        epochs: 2,
        minibatchSize: 6,
      };
      const { metrics } = await run(grpo(model, reference, settings, { steps: 10 }));
      model.dispose();
      reference.dispose();
      return metrics.at(-1)!.kl!;
    };
    expect(await finalKl(2)).toBeLessThan((await finalKl(0)) / 2);
  });
});
