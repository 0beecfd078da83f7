import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type BackendName, nativeCacheFolder, readInstallStamp, selectBackend } from '@srcode/backend';
import { Rng } from '@srcode/core';
import { createTokenBatch, generate, type LoadedModel, loadGguf, type TokenBatch } from '@srcode/model';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GgufFile } from '../src/gguf/gguf-file.js';
import { readGgufTokenizer } from '../src/gguf/read-gguf-tokenizer.js';

/*
 * Parity with transformers on a real model. Runs where the model has been fetched (scripts/fetch-smollm2.mjs) and
 * native TensorFlow is installed (`srcode backend install`); SRCODE_PARITY_BACKEND=wasm runs it there instead.
 */
interface Case {
  readonly prompt: string;
  readonly ids: readonly number[];
  /** Logits of the last position at `sampledIds`. */
  readonly lastLogits: readonly number[];
  /** Natural log-probability of each next token of the prompt. */
  readonly logProbs: readonly number[];
  readonly greedy: readonly number[];
}
const golden = JSON.parse(readFileSync(new URL('./parity/smollm2.json', import.meta.url), 'utf8')) as {
  readonly sampledIds: readonly number[];
  readonly cases: readonly Case[];
  readonly tokenization: readonly { readonly text: string; readonly ids: readonly number[] }[];
};

const backend = (process.env.SRCODE_PARITY_BACKEND ?? 'tensorflow') as BackendName;
const cacheFolder = dirname(nativeCacheFolder());
const modelPath = join(cacheFolder, 'models', 'SmolLM2-135M-Instruct.Q4_1.gguf');
const isReady =
  existsSync(modelPath) && (backend !== 'tensorflow' || readInstallStamp(nativeCacheFolder()) !== undefined);

/** Absolute, on logits and log-probabilities in float32. */
const tolerance = 1e-3;

describe.runIf(isReady)(`SmolLM2-135M on ${backend}, against transformers`, () => {
  let loaded: LoadedModel;
  beforeAll(async () => {
    await selectBackend({ prefer: backend });
    loaded = await loadGguf(modelPath);
  }, 300_000);
  afterAll(() => loaded?.model.dispose());

  /** Logits at `sampledIds` of the last real token of each row. */
  function lastLogits(batch: TokenBatch): number[][] {
    return tf.tidy(() => {
      const { model } = loaded;
      const rows = Array.from(
        { length: batch.batchSize },
        (_, b) =>
          b * batch.length + batch.mask.subarray(b * batch.length, (b + 1) * batch.length).lastIndexOf(1),
      );
      const hidden = tf.reshape(model.hiddenStates(batch), [-1, model.config.hiddenSize]);
      const logits = model.logits(tf.gather(hidden, tf.tensor1d(rows, 'int32')) as tf.Tensor2D).arraySync();
      return logits.map((row) => golden.sampledIds.map((id) => row[id]!));
    });
  }

  function expectClose(got: ArrayLike<number>, want: readonly number[], what: string): void {
    expect(got.length).toBe(want.length);
    const worst = want.reduce((most, value, i) => Math.max(most, Math.abs(value - got[i]!)), 0);
    expect(worst, what).toBeLessThanOrEqual(tolerance);
  }

  it('gives the same logits for prompts of 1 to 206 tokens', () => {
    for (const { ids, lastLogits: want, prompt } of golden.cases)
      expectClose(lastLogits(createTokenBatch([ids]))[0]!, want, prompt);
  }, 300_000);

  it.each(['left', 'right'] as const)(
    'gives the same logits in one batch padded on the %s',
    (padSide) => {
      const got = lastLogits(
        createTokenBatch(
          golden.cases.map(({ ids }) => ids),
          { padSide },
        ),
      );
      golden.cases.forEach(({ lastLogits: want, prompt }, i) => {
        expectClose(got[i]!, want, prompt);
      });
    },
    300_000,
  );

  it('gives every prompt token the same log-probability', () => {
    for (const { ids, logProbs, prompt } of golden.cases.filter(({ ids }) => ids.length > 1)) {
      const got = tf.tidy(() => {
        const { model } = loaded;
        const hidden = model.hiddenStates(createTokenBatch([ids]));
        const rows = tf.reshape(hidden, [ids.length, model.config.hiddenSize]);
        const inputs = tf.slice(rows, [0, 0], [ids.length - 1, model.config.hiddenSize]) as tf.Tensor2D;
        return model.tokenLogProbs(inputs, tf.tensor1d(ids.slice(1), 'int32')).dataSync();
      });
      expectClose(got, logProbs, prompt);
    }
  }, 300_000);

  it('continues greedily with the same 64 tokens, all prompts in one batch', async () => {
    const sequences = await generate(
      loaded.model,
      golden.cases.map(({ ids }) => Int32Array.from(ids)),
      { maxNewTokens: 64, temperature: 0, rng: Rng.fromSeed(0), stopTokenIds: [] },
    );
    golden.cases.forEach(({ greedy, prompt }, i) => {
      expect([...sequences[i]!.tokenIds], prompt).toEqual(greedy);
    });
  }, 300_000);
});

describe.runIf(existsSync(modelPath))('SmolLM2’s tokenizer from the GGUF file', () => {
  it('cuts 200 strings as the Rust tokenizers library does, and puts them together again', async () => {
    const file = await GgufFile.open(modelPath);
    const tokenizer = readGgufTokenizer(file.header, modelPath);
    await file.close();
    expect(golden.tokenization.length).toBe(200);
    for (const { text, ids } of golden.tokenization) {
      expect([...tokenizer.encode(text)], JSON.stringify(text)).toEqual(ids);
      expect(tokenizer.decode(ids, { keepSpecialTokens: true })).toBe(text);
    }
  }, 300_000);
});
