import { type BackendName, nativeCacheFolder, readInstallStamp, selectBackend } from '@srcode/backend';
import { Rng } from '@srcode/core';
import {
  createCausalLm,
  createLlamaConfig,
  createTokenBatch,
  type LlamaModel,
  type TokenBatch,
} from '@srcode/model';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** The native backend takes part where it is installed. */
const backends: readonly BackendName[] = [
  'wasm',
  'cpu',
  ...(readInstallStamp(nativeCacheFolder()) ? (['tensorflow'] as const) : []),
];

const config = createLlamaConfig({
  vocabSize: 37,
  hiddenSize: 24,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  intermediateSize: 40,
  maxPositionEmbeddings: 128,
});
const untied = createLlamaConfig({ ...config, tieWordEmbeddings: false });
const qwen = { ...config, modelType: 'qwen2' as const, attentionBias: true };

function createModel(seed: number, which = config): LlamaModel {
  return createCausalLm(which, { rng: Rng.fromSeed(seed), initStd: 0.3 });
}

function randomSequences(rng: Rng, lengths: readonly number[]): Int32Array[] {
  return lengths.map((n) => Int32Array.from({ length: n }, () => rng.nextInt(config.vocabSize)));
}

/** Hidden states of the real tokens only, row after row. */
function realHidden(model: LlamaModel, batch: TokenBatch): number[] {
  const hidden = model.hiddenStates(batch);
  const values = hidden.dataSync();
  hidden.dispose();
  const D = model.config.hiddenSize;
  const out: number[] = [];
  batch.mask.forEach((real, i) => {
    if (real) out.push(...values.subarray(i * D, (i + 1) * D));
  });
  return out;
}

function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
}

/** Mean negative log-probability of each row's next tokens, and its gradients by parameter name. */
function lossAndGradients(model: LlamaModel, batch: TokenBatch) {
  const D = model.config.hiddenSize;
  const rows: number[] = [];
  const targets: number[] = [];
  for (let i = 0; i + 1 < batch.ids.length; i++) {
    if ((i + 1) % batch.length === 0 || !batch.mask[i] || !batch.mask[i + 1]) continue;
    rows.push(i);
    targets.push(batch.ids[i + 1]!);
  }
  const variables = [...model.trainableParameters().values()];
  const { value, grads } = tf.variableGrads(() => {
    const hidden = tf.reshape(model.hiddenStates(batch), [-1, D]);
    const picked = tf.gather(hidden, tf.tensor1d(rows, 'int32')) as tf.Tensor2D;
    return tf.neg(tf.mean(model.tokenLogProbs(picked, tf.tensor1d(targets, 'int32')))) as tf.Scalar;
  }, variables);
  const gradients = new Map<string, Float32Array>();
  for (const [name, variable] of model.trainableParameters())
    gradients.set(name, grads[variable.name]!.dataSync() as Float32Array);
  const loss = value.dataSync()[0]!;
  tf.dispose(grads);
  value.dispose();
  return { loss, gradients };
}

const batchOf = (seed: number) =>
  createTokenBatch(randomSequences(Rng.fromSeed(seed), [9, 5, 1, 12]), {
    padSide: seed % 2 ? 'left' : 'right',
  });

describe.each(backends)('a Llama on %s', (backend) => {
  let model: LlamaModel;
  beforeAll(async () => {
    await selectBackend({ prefer: backend });
    model = createModel(1);
  });
  afterAll(() => {
    model.dispose();
  });

  it('gives the same hidden states whatever side and amount of padding', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 0, max: 5 }), fc.nat(1000), (lengths, extra, seed) => {
        const sequences = randomSequences(Rng.fromSeed(seed), lengths);
        const length = Math.max(...lengths) + extra;
        const alone = sequences.flatMap((s) => realHidden(model, createTokenBatch([s])));
        const right = realHidden(model, createTokenBatch(sequences, { length }));
        const left = realHidden(
          model,
          createTokenBatch(sequences, { length, padSide: 'left', padTokenId: 7 }),
        );
        expect(maxDifference(alone, right)).toBeLessThan(2e-5);
        expect(maxDifference(alone, left)).toBeLessThan(2e-5);
      }),
      { numRuns: 12 },
    );
  });

  it('never lets a token see what comes after it', () => {
    const sequence = randomSequences(Rng.fromSeed(3), [10])[0]!;
    const changed = Int32Array.from(sequence);
    changed[7] = (changed[7]! + 1) % config.vocabSize;
    const D = config.hiddenSize;
    const a = realHidden(model, createTokenBatch([sequence]));
    const b = realHidden(model, createTokenBatch([changed]));
    expect(a.slice(0, 7 * D)).toEqual(b.slice(0, 7 * D));
    expect(maxDifference(a.slice(7 * D), b.slice(7 * D))).toBeGreaterThan(1e-3);
  });

  it('gives token log-probabilities equal to log softmax of the logits', () => {
    tf.tidy(() => {
      const hidden = tf.reshape(model.hiddenStates(batchOf(2)), [-1, config.hiddenSize]) as tf.Tensor2D;
      const targets = tf.tensor1d(batchOf(2).ids, 'int32');
      const all = tf.logSoftmax(model.logits(hidden)).arraySync() as number[][];
      const want = all.map((row, i) => row[batchOf(2).ids[i]!]!);
      expect(maxDifference(model.tokenLogProbs(hidden, targets).dataSync(), want)).toBeLessThan(1e-5);
    });
  });

  const steps = backend === 'wasm' ? 100 : 10;
  it(`keeps the number of tensors flat over ${steps} steps`, () => {
    lossAndGradients(model, batchOf(1));
    const before = tf.memory();
    for (let i = 0; i < steps; i++) lossAndGradients(model, createTokenBatch([[1, 2, 3, 4]]));
    expect(tf.memory().numTensors).toBe(before.numTensors);
    expect(tf.memory().numBytes).toBe(before.numBytes);
  });

  // The gradients on `cpu` are compared with these below.
  it.runIf(backend === 'wasm')('gives gradients that agree with finite differences', () => {
    const batch = batchOf(4);
    const { gradients } = lossAndGradients(model, batch);
    const rng = Rng.fromSeed(9);
    for (const [name, variable] of model.parameters()) {
      const original = variable.dataSync().slice();
      const direction = Float32Array.from(original, () => rng.nextNormal());
      const norm = Math.sqrt(direction.reduce((sum, x) => sum + x * x, 0));
      const slope = gradients.get(name)!.reduce((sum, g, i) => sum + g * (direction[i]! / norm), 0);
      const at = (step: number) => {
        const moved = original.map((x, i) => x + (step * direction[i]!) / norm);
        tf.tidy(() => variable.assign(tf.tensor(moved, variable.shape)));
        return lossOnly(model, batch);
      };
      const h = 0.03;
      const wide = (at(h) - at(-h)) / (2 * h);
      const narrow = (at(h / 2) - at(-h / 2)) / h;
      tf.tidy(() => variable.assign(tf.tensor(original, variable.shape)));
      const numeric = (4 * narrow - wide) / 3;
      expect(Math.abs(numeric - slope), name).toBeLessThan(2e-4 + 0.01 * Math.abs(slope));
    }
  });

  it.runIf(backend === 'cpu')('agrees between backends in loss and gradients', async () => {
    for (const which of [config, untied, qwen]) {
      for (const seed of [1, 2]) {
        const results = [];
        for (const name of ['wasm', 'cpu'] as const) {
          await selectBackend({ prefer: name });
          const one = createModel(seed, which);
          results.push(lossAndGradients(one, batchOf(seed)));
          one.dispose();
        }
        const [wasm, cpu] = results as [(typeof results)[0], (typeof results)[0]];
        expect(Math.abs(wasm.loss - cpu.loss)).toBeLessThan(1e-5);
        for (const [name, gradient] of cpu.gradients)
          expect(maxDifference(gradient, wasm.gradients.get(name)!), name).toBeLessThan(2e-5);
      }
    }
  });
});

function lossOnly(model: LlamaModel, batch: TokenBatch): number {
  return lossAndGradients(model, batch).loss;
}

describe('createCausalLm', () => {
  it('is decided by the seed, and refuses sizes that do not fit', async () => {
    await selectBackend({ prefer: 'wasm' });
    const [a, b, c] = [createModel(1), createModel(1), createModel(2)];
    const name = 'model.layers.1.mlp.up_proj.weight';
    const weights = [a, b, c].map((m) => [...m.parameters().get(name)!.dataSync()]);
    expect(weights[0]).toEqual(weights[1]);
    expect(weights[0]).not.toEqual(weights[2]);
    for (const m of [a, b, c]) m.dispose();
    expect(() =>
      createLlamaConfig({ vocabSize: 8, hiddenSize: 10, numHiddenLayers: 1, numAttentionHeads: 4 }),
    ).toThrow(/divisor/);
  });

  it('refuses ids outside the vocabulary, long batches and masks with holes', async () => {
    const model = createModel(1);
    expect(() => model.hiddenStates(createTokenBatch([[1, 37]]))).toThrow(/\[0, 37\), got 37/);
    expect(() => model.hiddenStates(createTokenBatch([new Int32Array(129)]))).toThrow(
      /at most 128 positions/,
    );
    const holes = { ids: new Int32Array(3), mask: Int32Array.of(1, 0, 1), batchSize: 1, length: 3 };
    expect(() => model.hiddenStates(holes)).toThrow(/one block of ones/);
    model.dispose();
  });
});
