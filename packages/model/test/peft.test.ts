import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type BackendName, nativeCacheFolder, readInstallStamp, selectBackend } from '@srcode/backend';
import { Rng } from '@srcode/core';
import {
  attachLora,
  createTokenBatch,
  type LlamaModel,
  loadAdapter,
  loadTokenizer,
  mergeLora,
  parseModelConfig,
  saveAdapter,
  saveModel,
  tinySpecialTokens,
  trainBpe,
} from '@srcode/model';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { loadWeights } from '../src/load-model.js';

// Made by golden/make-peft-golden.py: transformers' and peft's own files and results.
const golden = fileURLToPath(new URL('./golden/peft', import.meta.url));
const expected = JSON.parse(readFileSync(join(golden, 'expected.json'), 'utf8')) as {
  ids: number[][];
  baseLogits: number[];
  logits: number[];
  loss: number;
  gradients: Record<string, number[]>;
};
const config = parseModelConfig(JSON.parse(readFileSync(join(golden, 'base/config.json'), 'utf8')));
const batch = createTokenBatch(expected.ids);

function logitsOf(model: LlamaModel): Float32Array {
  return tf.tidy(() => {
    const hidden = tf.reshape(model.hiddenStates(batch), [-1, config.hiddenSize]) as tf.Tensor2D;
    return model.logits(hidden).dataSync().slice() as Float32Array;
  });
}

function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a, (x, i) => Math.abs(x - b[i]!)).reduce((most, d) => Math.max(most, d), 0);
}

/** The native backend takes part where it is installed. */
const backends: readonly BackendName[] = [
  'wasm',
  'cpu',
  ...(readInstallStamp(nativeCacheFolder()) ? (['tensorflow'] as const) : []),
];

describe.each(backends)('against transformers and peft, on %s', (backend) => {
  it('the model, the adapter, the loss and every gradient agree to 1e-4', async () => {
    await selectBackend({ prefer: backend });
    const model = await loadWeights(join(golden, 'base'), config);
    expect(maxDifference(logitsOf(model), expected.baseLogits)).toBeLessThan(1e-4);
    await loadAdapter(model, join(golden, 'adapter'));
    expect(maxDifference(logitsOf(model), expected.logits)).toBeLessThan(1e-4);
    const parameters = model.trainableParameters();
    const { value, grads } = tf.variableGrads(() => {
      const hidden = tf.slice(model.hiddenStates(batch), [0, 0, 0], [2, batch.length - 1, config.hiddenSize]);
      const targets = expected.ids.flatMap((ids) => ids.slice(1));
      const rows = tf.reshape(hidden, [-1, config.hiddenSize]) as tf.Tensor2D;
      return tf.neg(tf.mean(model.tokenLogProbs(rows, tf.tensor1d(targets, 'int32')))) as tf.Scalar;
    }, [...parameters.values()]);
    expect(Math.abs(value.dataSync()[0]! - expected.loss)).toBeLessThan(1e-5);
    expect([...parameters.keys()].sort()).toEqual(Object.keys(expected.gradients).sort());
    for (const [name, variable] of parameters)
      expect(maxDifference(grads[variable.name]!.dataSync(), expected.gradients[name]!), name).toBeLessThan(
        1e-4,
      );
    tf.dispose(grads);
    value.dispose();
    model.dispose();
  });
});

// Needs a Python with torch, transformers and peft: SRCODE_PYTHON=…/bin/python.
const python = process.env.SRCODE_PYTHON;
describe.runIf(python)('transformers and peft reading what we wrote', () => {
  const read = async (model: string, adapter: string): Promise<number[]> => {
    const script = fileURLToPath(new URL('./python/read_with_peft.py', import.meta.url));
    const { stdout } = await promisify(execFile)(
      python!,
      [script, model, adapter, JSON.stringify(expected.ids)],
      {
        maxBuffer: 1 << 26,
      },
    );
    return JSON.parse(stdout) as number[];
  };

  it('get our logits from the model, the adapter and the merged export', async () => {
    await selectBackend({ prefer: 'wasm' });
    const root = await mkdtemp(join(tmpdir(), 'srcode-peft-'));
    const files = trainBpe(['x'], { vocabSize: 260, specialTokens: tinySpecialTokens, eosToken: '<|end|>' });
    const tokenizer = loadTokenizer(files.tokenizer, files.config);
    const model = await loadWeights(join(golden, 'base'), config);
    await saveModel(join(root, 'base'), { model, tokenizer });
    expect(maxDifference(await read(join(root, 'base'), '-'), logitsOf(model))).toBeLessThan(1e-4);
    const adapters = attachLora(model, { rng: Rng.fromSeed(1), rank: 2, targets: ['q_proj', 'up_proj'] });
    for (const { b } of adapters.pairs.values()) tf.tidy(() => b.assign(tf.fill(b.shape, 0.05)));
    await saveAdapter(join(root, 'adapter'), model, { baseModel: join(root, 'base') });
    const adapted = logitsOf(model);
    expect(maxDifference(await read(join(root, 'base'), join(root, 'adapter')), adapted)).toBeLessThan(1e-4);
    mergeLora(model);
    await saveModel(join(root, 'merged'), { model, tokenizer });
    expect(maxDifference(await read(join(root, 'merged'), '-'), adapted)).toBeLessThan(1e-4);
    model.dispose();
    await rm(root, { recursive: true, force: true });
  }, 300_000);
});
