import { type BackendName, nativeCacheFolder, readInstallStamp, selectBackend } from '@srcode/backend';
import { CancelledError, Rng } from '@srcode/core';
import {
  attachLora,
  type CausalLm,
  createCausalLm,
  createLlamaConfig,
  createTokenBatch,
  generate,
  type LlamaModel,
  streamGenerate,
} from '@srcode/model';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleToken } from '../src/sample-token.js';

/** The native backend takes part where it is installed. */
const backends: readonly BackendName[] = [
  'wasm',
  'cpu',
  ...(readInstallStamp(nativeCacheFolder()) ? (['tensorflow'] as const) : []),
];

const vocabSize = 29;
const config = createLlamaConfig({
  vocabSize,
  hiddenSize: 24,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  intermediateSize: 40,
  maxPositionEmbeddings: 64,
});

function randomPrompts(rng: Rng, lengths: readonly number[]): Int32Array[] {
  return lengths.map((n) => Int32Array.from({ length: n }, () => rng.nextInt(vocabSize)));
}

/** The same model with its cache hidden, so that `generate` runs the whole forward pass for every token. */
function withoutCache(model: LlamaModel): CausalLm {
  return {
    config: model.config,
    parameters: () => model.parameters(),
    trainableParameters: () => model.trainableParameters(),
    hiddenStates: (batch) => model.hiddenStates(batch),
    logits: (hidden) => model.logits(hidden),
    tokenLogProbs: (hidden, targets) => model.tokenLogProbs(hidden, targets),
    dispose: () => model.dispose(),
  };
}

describe.each(backends)('generate on %s', (backend) => {
  let model: LlamaModel;
  beforeAll(async () => {
    await selectBackend({ prefer: backend });
    model = createCausalLm(config, { rng: Rng.fromSeed(1), initStd: 0.3 });
  });
  afterAll(() => {
    model.dispose();
  });

  it('gives the tokens and log-probabilities that the full forward pass gives', async () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(lengths, fc.nat(1000), fc.constantFrom(0, 1), async (lengths, seed, temperature) => {
        const prompts = randomPrompts(Rng.fromSeed(seed), lengths);
        if (seed % 2 === 0) prompts.splice(1, 0, prompts[0]!); // the same prompt twice shares its prefill
        if (seed % 3 === 0) prompts.push(prompts.at(-1)!);
        const options = { maxNewTokens: 40, temperature, stopTokenIds: [3, 11], rng: Rng.fromSeed(seed) };
        const cached = await generate(model, prompts, options);
        const full = await generate(withoutCache(model), prompts, options);
        cached.forEach(({ tokenIds, logProbs, finishReason }, i) => {
          expect([...tokenIds]).toEqual([...full[i]!.tokenIds]);
          expect(finishReason).toBe(full[i]!.finishReason);
          logProbs.forEach((logProb, t) => {
            expect(Math.abs(logProb - full[i]!.logProbs[t]!)).toBeLessThan(1e-4);
          });
        });
      }),
      { numRuns: backend === 'wasm' ? 15 : 3 },
    );
  });

  it('gives the same with adapters as the full forward pass with them', async () => {
    const adapted = createCausalLm(config, { rng: Rng.fromSeed(4), initStd: 0.3 });
    try {
      attachLora(adapted, { rng: Rng.fromSeed(2), rank: 3, alpha: 12 });
      // both factors random: b starts at zero, which would add nothing
      for (const variable of adapted.trainableParameters().values()) {
        const values = Float32Array.from({ length: variable.size }, (_, i) => 0.2 * Math.sin(i * 1.7 + 1));
        tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
      }
      for (const rows of [1, 3, 11]) {
        const lengths = Array.from({ length: rows }, (_, i) => 1 + (i % 6));
        const prompts = randomPrompts(Rng.fromSeed(rows), lengths);
        const options = { maxNewTokens: 12, stopTokenIds: [], rng: Rng.fromSeed(rows) };
        const cached = await generate(adapted, prompts, options);
        const full = await generate(withoutCache(adapted), prompts, options);
        cached.forEach(({ tokenIds, logProbs }, i) => {
          expect([...tokenIds]).toEqual([...full[i]!.tokenIds]);
          logProbs.forEach((logProb, t) => {
            expect(Math.abs(logProb - full[i]!.logProbs[t]!)).toBeLessThan(1e-4);
          });
        });
      }
    } finally {
      adapted.dispose();
    }
  });

  it('gives log-probabilities equal to those of training on the same ids', async () => {
    const prompts = randomPrompts(Rng.fromSeed(5), [4, 9]);
    const out = await generate(model, prompts, {
      maxNewTokens: 12,
      topK: 5,
      temperature: 0.7,
      rng: Rng.fromSeed(2),
    });
    const batch = createTokenBatch(prompts.map((prompt, i) => Int32Array.of(...prompt, ...out[i]!.tokenIds)));
    const logProbs = tf.tidy(() => {
      const hidden = tf.reshape(model.hiddenStates(batch), [-1, config.hiddenSize]) as tf.Tensor2D;
      const shifted = Int32Array.from(batch.ids, (_, i) => batch.ids[i + 1] ?? 0);
      return model.tokenLogProbs(hidden, tf.tensor1d(shifted, 'int32')).dataSync().slice();
    });
    prompts.forEach((prompt, i) => {
      out[i]!.logProbs.forEach((logProb, t) => {
        const at = i * batch.length + prompt.length - 1 + t;
        expect(Math.abs(logProb - logProbs[at]!)).toBeLessThan(1e-4);
      });
    });
  });

  it('draws each row from its own stream, whatever else is in the batch', async () => {
    const prompts = randomPrompts(Rng.fromSeed(6), [3, 7, 2]);
    const options = { maxNewTokens: 10, rng: Rng.fromSeed(3) };
    const together = await generate(model, prompts, options);
    const alone = await generate(model, [prompts[0]!], options);
    expect(together[0]!.tokenIds).toEqual(alone[0]!.tokenIds);
    expect(together[1]!.tokenIds).not.toEqual(together[0]!.tokenIds);
    expect(await generate(model, prompts, options)).toEqual(together);
  });

  it('frees every tensor: after a run, an abort, and a consumer that walks away', async () => {
    const prompts = randomPrompts(Rng.fromSeed(7), [3, 5]);
    const before = tf.memory().numTensors;
    for (let i = 0; i < (backend === 'wasm' ? 100 : 10); i++)
      await generate(model, prompts, {
        maxNewTokens: 2,
        stopTokenIds: [i % vocabSize],
        rng: Rng.fromSeed(i),
      });
    expect(tf.memory().numTensors).toBe(before);
    const controller = new AbortController();
    const aborted = async () => {
      for await (const event of streamGenerate(model, prompts, {
        maxNewTokens: 20,
        rng: Rng.fromSeed(1),
        signal: controller.signal,
      }))
        if (event.index === 1) controller.abort();
    };
    await expect(aborted()).rejects.toBeInstanceOf(CancelledError);
    for await (const _ of streamGenerate(model, prompts, { maxNewTokens: 20, rng: Rng.fromSeed(1) })) break;
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('generate', () => {
  let model: LlamaModel;
  const prompt = Int32Array.of(1, 2, 3);
  beforeAll(async () => {
    await selectBackend({ prefer: 'wasm' });
    model = createCausalLm(config, { rng: Rng.fromSeed(1), initStd: 0.3 });
  });

  it('ends at a stop string, at the limit, and at the last position of the model', async () => {
    const tokenizer = { decode: (ids: ArrayLike<number>) => Array.from(ids, (id) => `<${id}>`).join('') };
    const greedy = { temperature: 0, rng: Rng.fromSeed(1) };
    const [plain] = await generate(model, [prompt], { ...greedy, maxNewTokens: 8 });
    expect(plain).toMatchObject({ finishReason: 'length' });
    expect(plain!.tokenIds).toHaveLength(8);
    const stop = `<${plain!.tokenIds[3]}><${plain!.tokenIds[4]}>`;
    const [stopped] = await generate(model, [prompt], {
      ...greedy,
      maxNewTokens: 8,
      stopStrings: [stop],
      tokenizer,
    });
    expect(stopped!.finishReason).toBe('stop');
    expect(tokenizer.decode(stopped!.tokenIds).endsWith(stop)).toBe(true);
    const ragged = await generate(model, [new Int32Array(60), prompt], { ...greedy, maxNewTokens: 100 });
    expect(ragged.map(({ tokenIds }) => tokenIds.length)).toEqual([4, 61]);
  });

  it('refuses options and prompts that cannot work', async () => {
    const rng = Rng.fromSeed(1);
    await expect(generate(model, [prompt], { maxNewTokens: 0, rng })).rejects.toThrow(/maxNewTokens/);
    await expect(generate(model, [prompt], { maxNewTokens: 1, topP: 0, rng })).rejects.toThrow(/topP/);
    await expect(generate(model, [prompt], { maxNewTokens: 1, stopStrings: ['x'], rng })).rejects.toThrow(
      /tokenizer/,
    );
    await expect(generate(model, [new Int32Array()], { maxNewTokens: 1, rng })).rejects.toThrow(/Prompt 0/);
    await expect(generate(model, [Int32Array.of(99)], { maxNewTokens: 1, rng })).rejects.toThrow(/got 99/);
    expect(await generate(model, [], { maxNewTokens: 1, rng })).toEqual([]);
  });
});

describe('sampleToken', () => {
  const logits = Float32Array.of(2, 1, 0, -1, 1.5);
  const frequencies = (options: { temperature: number; topK: number; topP: number }) => {
    const rng = Rng.fromSeed(1);
    const counts = new Array<number>(logits.length).fill(0);
    for (let i = 0; i < 20000; i++) counts[sampleToken(logits, options, rng).tokenId]!++;
    return counts.map((count) => count / 20000);
  };
  const softmax = (keep: readonly number[], temperature: number) => {
    const weights = [...logits].map((l, i) => (keep.includes(i) ? Math.exp(l / temperature) : 0));
    const sum = weights.reduce((a, b) => a + b);
    return weights.map((w) => w / sum);
  };

  it.each([
    ['no truncation', { temperature: 1, topK: 0, topP: 1 }, softmax([0, 1, 2, 3, 4], 1)],
    ['temperature', { temperature: 0.5, topK: 0, topP: 1 }, softmax([0, 1, 2, 3, 4], 0.5)],
    ['top-k', { temperature: 1, topK: 2, topP: 1 }, softmax([0, 4], 1)],
    ['top-p: 0.45 + 0.27 reach 0.7', { temperature: 1, topK: 0, topP: 0.7 }, softmax([0, 4], 1)],
    ['top-p within top-k', { temperature: 1, topK: 3, topP: 0.9 }, softmax([0, 1, 4], 1)],
  ])('follows the distribution under %s', (_name, options, want) => {
    frequencies(options).forEach((f, i) => {
      expect(Math.abs(f - want[i]!)).toBeLessThan(0.012);
      if (want[i] === 0) expect(f).toBe(0);
    });
  });

  it('gives the log-probability of the whole distribution at temperature 1', () => {
    const { tokenId, logProb } = sampleToken(logits, { temperature: 0, topK: 1, topP: 0.1 }, Rng.fromSeed(1));
    expect(tokenId).toBe(0);
    expect(logProb).toBeCloseTo(Math.log(softmax([0, 1, 2, 3, 4], 1)[0]!), 6);
  });
});
