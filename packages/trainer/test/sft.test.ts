import { CancelledError, drainJob, fixedClock, InputError, Rng } from '@srcode/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  type CheckpointStore,
  evaluateLoss,
  type MetricsEvent,
  type SftEvent,
  type SftExample,
  type SftOptions,
  trainSft,
} from '../src/index.js';
import { createMemoryCheckpointStore, createToyModel, readParameterBytes } from '../src/testing/index.js';
import { useCpuBackend } from '../src/testing/use-cpu-backend.js';

useCpuBackend();

/** Counting in the alphabet: the next token is the last one plus one. */
function countingExamples(count: number, seed = 1): SftExample[] {
  const rng = Rng.fromSeed(seed);
  return Array.from({ length: count }, () => {
    const start = 2 + rng.nextInt(4);
    const length = 3 + rng.nextInt(4);
    const ids = Array.from({ length }, (_, i) => 2 + ((start + i - 2) % 10));
    return { tokenIds: Int32Array.from([...ids, 1]), promptLength: 2 };
  });
}

const base = (overrides: Partial<SftOptions> = {}): Omit<SftOptions, 'model'> => ({
  padTokenId: 0,
  examples: countingExamples(24),
  batchSize: 8,
  steps: 6,
  learningRate: { peak: 1e-2, warmupSteps: 2, decay: 'cosine' },
  rng: Rng.fromSeed(9),
  run: { clock: fixedClock(0, 1000) },
  ...overrides,
});

async function run(options: SftOptions): Promise<{ events: SftEvent[]; metrics: MetricsEvent[] }> {
  const events: SftEvent[] = [];
  await drainJob(trainSft(options), (event) => events.push(event));
  return { events, metrics: events.filter((event) => event.type === 'metrics') };
}

/** Largest difference between two models' parameters. */
async function distance(a: ReturnType<typeof createToyModel>, b: ReturnType<typeof createToyModel>) {
  let max = 0;
  for (const [name, variable] of a.parameters()) {
    const [x, y] = [await variable.data(), await b.parameters().get(name)!.data()];
    x.forEach((value, i) => {
      max = Math.max(max, Math.abs(value - y[i]!));
    });
  }
  return max;
}

describe('trainSft', () => {
  it('learns, and reports loss, tokens, rate, norm and speed of every step', async () => {
    const model = createToyModel(1);
    const examples = countingExamples(48);
    const loss = () => evaluateLoss({ model, padTokenId: 0, examples, microBatchSize: 16 });
    const before = await loss();
    const { metrics } = await run({ ...base({ steps: 60, examples }), model });
    expect(before).toBeGreaterThan(2);
    expect(await loss()).toBeLessThan(0.8);
    expect(metrics).toHaveLength(60);
    expect(Object.keys(metrics[0]!.metrics).sort()).toEqual(
      ['gradNorm', 'learningRate', 'loss', 'tokens', 'tokensPerSecond'].sort(),
    );
    expect(metrics[0]!.metrics.loss).toBeCloseTo(before, 0);
    expect(metrics[0]!.metrics.learningRate).toBeCloseTo(5e-3, 9);
    expect(metrics[0]!.metrics.tokensPerSecond).toBe(metrics[0]!.metrics.tokens);
    model.dispose();
  });

  it('a batch of 8 equals 8 accumulated batches of 1', async () => {
    const [whole, parts] = [createToyModel(2), createToyModel(2)];
    const a = await run({ ...base({ steps: 3 }), model: whole });
    const b = await run({ ...base({ steps: 3, microBatchSize: 1 }), model: parts });
    a.metrics.forEach((event, i) => {
      expect(b.metrics[i]!.metrics.loss).toBeCloseTo(event.metrics.loss!, 5);
      expect(b.metrics[i]!.metrics.gradNorm).toBeCloseTo(event.metrics.gradNorm!, 4);
    });
    expect(await distance(whole, parts)).toBeLessThan(2e-4);
    whole.dispose();
    parts.dispose();
  });

  it('does not depend on padding: a short example learns the same beside a long one of weight 0', async () => {
    const short: SftExample = { tokenIds: Int32Array.of(2, 3, 4, 1), promptLength: 1 };
    const long: SftExample = {
      tokenIds: Int32Array.from({ length: 20 }, (_, i) => 2 + (i % 10)),
      promptLength: 0,
      tokenWeights: new Float32Array(20),
    };
    const [alone, beside] = [createToyModel(3), createToyModel(3)];
    await run({ ...base({ steps: 1, batchSize: 2, examples: [short] }), model: alone });
    await run({ ...base({ steps: 1, batchSize: 2, examples: [short, long] }), model: beside });
    expect(await distance(alone, beside)).toBeLessThan(1e-4);
    alone.dispose();
    beside.dispose();
  });

  it('weights tokens: a token of weight 0 is not learnt', async () => {
    const ids = Int32Array.of(2, 3, 4, 5);
    const losses: Float32Array[] = [];
    for (const weights of [Float32Array.of(0, 1, 0, 1), undefined]) {
      const model = createToyModel(4);
      const examples = [{ tokenIds: ids, promptLength: 1, ...(weights ? { tokenWeights: weights } : {}) }];
      await run({ ...base({ steps: 25, batchSize: 1, examples }), model });
      const perToken = [2, 3, 4].map(async (position) =>
        evaluateLoss({
          model,
          padTokenId: 0,
          microBatchSize: 1,
          examples: [{ tokenIds: ids.slice(0, position), promptLength: position - 1 }],
        }),
      );
      losses.push(Float32Array.from(await Promise.all(perToken)));
      model.dispose();
    }
    expect(losses[0]![0]).toBeLessThan(0.7);
    expect(losses[0]![1]).toBeGreaterThan(1.5);
    expect(losses[1]![1]).toBeLessThan(0.7);
  });

  it('is the same bytes for the same seed and other bytes for another', async () => {
    const bytes: string[] = [];
    for (const seed of [5, 5, 6]) {
      const model = createToyModel(1);
      await run({ ...base({ rng: Rng.fromSeed(seed) }), model });
      bytes.push(await readParameterBytes(model));
      model.dispose();
    }
    expect(bytes[0]).toBe(bytes[1]);
    expect(bytes[0]).not.toBe(bytes[2]);
  });

  it('resumes from its checkpoint into the bytes of a run that never stopped', async () => {
    const whole = createToyModel(1);
    await run({ ...base({ steps: 7 }), model: whole });

    const store = createMemoryCheckpointStore();
    const checkpoints = { store, everySteps: 2 };
    const cut = createToyModel(1);
    const job = trainSft({ ...base({ steps: 7, run: { checkpoints } }), model: cut });
    // Killed after step 4 (0-based) was done; the last checkpoint holds 4 steps.
    for (let seen = 0; seen < 5; seen++) await job.next();
    await job.return(undefined as never);
    cut.dispose();

    const resumed = createToyModel(99);
    const { events } = await run({ ...base({ steps: 7, run: { checkpoints } }), model: resumed });
    expect(events[0]).toEqual({ type: 'resumed', stage: 'sft', step: 4 });
    expect(events.filter((event) => event.type === 'metrics').map((event) => event.step)).toEqual([4, 5, 6]);
    expect(await readParameterBytes(resumed)).toBe(await readParameterBytes(whole));
    whole.dispose();
    resumed.dispose();
  });

  it('refuses the checkpoint of a run with other options', async () => {
    const store = createMemoryCheckpointStore();
    const model = createToyModel(1);
    await run({ ...base({ steps: 2, run: { checkpoints: { store, everySteps: 1 } } }), model });
    const other = base({ steps: 2, batchSize: 4, run: { checkpoints: { store, everySteps: 1 } } });
    await expect(run({ ...other, model })).rejects.toThrow(/other options or data/);
    model.dispose();
  });

  it('warns of a damaged checkpoint and goes on from the one before', async () => {
    const memory = createMemoryCheckpointStore();
    const model = createToyModel(1);
    await run({ ...base({ steps: 2, run: { checkpoints: { store: memory, everySteps: 1 } } }), model });
    const damage = new InputError({ code: 'CHECKPOINT_CORRUPT', message: 'step 3 is damaged' });
    const store: CheckpointStore = {
      save: memory.save,
      loadLatest: async () => ({ ...(await memory.loadLatest()), skipped: [damage] }),
    };
    const { events } = await run({
      ...base({ steps: 2, run: { checkpoints: { store, everySteps: 1 } } }),
      model,
    });
    expect(events[0]).toEqual({ type: 'warning', code: 'CHECKPOINT_CORRUPT', message: 'step 3 is damaged' });
    expect(events[1]).toMatchObject({ type: 'resumed', step: 2 });
    model.dispose();
  });

  it('keeps the number of tensors flat over 50 steps', async () => {
    const model = createToyModel(1);
    const job = trainSft({ ...base({ steps: 50, microBatchSize: 4 }), model });
    await job.next();
    await job.next();
    const before = tf.memory().numTensors;
    for (let step = await job.next(); !step.done; step = await job.next())
      expect(tf.memory().numTensors).toBe(before);
    const untouched = model.parameters().size;
    expect(tf.memory().numTensors).toBe(before - 2 * untouched);
    model.dispose();
  });

  it('yields what the evaluation hook measures, every so many steps and at the end', async () => {
    const model = createToyModel(1);
    const evaluation = { everySteps: 2, evaluate: async (step: number) => ({ heldOutLoss: step }) };
    const { metrics } = await run({ ...base({ steps: 5, run: { evaluation } }), model });
    const seen = metrics.filter((event) => 'heldOutLoss' in event.metrics).map((event) => event.step);
    expect(seen).toEqual([1, 3, 4]);
    model.dispose();
  });

  it('stops when cancelled', async () => {
    const model = createToyModel(1);
    const controller = new AbortController();
    const job = trainSft({ ...base({ run: { signal: controller.signal } }), model });
    await job.next();
    controller.abort();
    await expect(job.next()).rejects.toBeInstanceOf(CancelledError);
    model.dispose();
  });

  it('refuses examples that do not fit, naming the first', async () => {
    const model = createToyModel(1);
    const ids = Int32Array.of(2, 3);
    const first = (example: SftExample) => trainSft({ ...base({ examples: [example] }), model }).next();
    await expect(first({ tokenIds: ids, promptLength: 3 })).rejects.toThrow(/Example 0.*prompt length/);
    await expect(first({ tokenIds: ids, promptLength: 2 })).rejects.toThrow(/at least one example/);
    await expect(first({ tokenIds: ids, promptLength: 0, tokenWeights: Float32Array.of(1) })).rejects.toThrow(
      /2 token weights/,
    );
    await expect(
      first({ tokenIds: ids, promptLength: 0, tokenWeights: Float32Array.of(1, -1) }),
    ).rejects.toThrow(/at least 0/);
    model.dispose();
  });
});
