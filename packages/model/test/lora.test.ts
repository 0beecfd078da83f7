import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BackendName, nativeCacheFolder, readInstallStamp, selectBackend } from '@srcode/backend';
import { InputError, Rng } from '@srcode/core';
import {
  attachLora,
  createCausalLm,
  createLlamaConfig,
  createTokenBatch,
  detachLora,
  generate,
  type LlamaModel,
  loadAdapter,
  mergeLora,
  SafetensorsFile,
  saveAdapter,
  withMergedLora,
  withoutLora,
} from '@srcode/model';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** The native backend takes part where it is installed. */
const backends: readonly BackendName[] = [
  'wasm',
  'cpu',
  ...(readInstallStamp(nativeCacheFolder()) ? (['tensorflow'] as const) : []),
];

const config = createLlamaConfig({
  vocabSize: 31,
  hiddenSize: 16,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  intermediateSize: 24,
});
const batch = createTokenBatch([
  [1, 2, 3, 4, 5],
  [6, 7, 8, 9, 10],
]);

function createModel(seed = 1): LlamaModel {
  return createCausalLm(config, { rng: Rng.fromSeed(seed), initStd: 0.3 });
}

/** Adapters that change something: b is random too. */
function attachRandom(model: LlamaModel, options: Partial<Parameters<typeof attachLora>[1]> = {}) {
  const adapters = attachLora(model, { rng: Rng.fromSeed(2), rank: 3, ...options });
  const rng = Rng.fromSeed(3);
  for (const { b } of adapters.pairs.values()) {
    const values = Float32Array.from({ length: b.size }, () => rng.nextNormal() * 0.2);
    tf.tidy(() => b.assign(tf.tensor(values, b.shape)));
  }
  return adapters;
}

function hiddenOf(model: Pick<LlamaModel, 'hiddenStates'>): number[] {
  const hidden = model.hiddenStates(batch);
  const values = [...hidden.dataSync()];
  hidden.dispose();
  return values;
}

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((x, i) => Math.abs(x - b[i]!)));
}

/** Mean negative log-probability of the batch's own tokens, with gradients of the trainable parameters. */
function lossAndGradients(model: LlamaModel) {
  const variables = [...model.trainableParameters().values()];
  const { value, grads } = tf.variableGrads(() => {
    const hidden = tf.reshape(model.hiddenStates(batch), [-1, config.hiddenSize]) as tf.Tensor2D;
    return tf.neg(tf.mean(model.tokenLogProbs(hidden, tf.tensor1d(batch.ids, 'int32')))) as tf.Scalar;
  }, variables);
  const result = {
    loss: value.dataSync()[0]!,
    gradients: new Map(
      [...model.trainableParameters()].map(([name, variable]) => [
        name,
        [...grads[variable.name]!.dataSync()],
      ]),
    ),
  };
  tf.dispose(grads);
  value.dispose();
  return result;
}

let root: string;
let count = 0;
const folder = () => join(root, `adapter-${count++}`);
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'srcode-lora-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe.each(backends)('LoRA on %s', (backend) => {
  beforeAll(async () => {
    await selectBackend({ prefer: backend });
  });

  it('changes nothing when attached, leaves nothing when detached, and trains only the adapters', () => {
    const model = createModel();
    const before = tf.memory().numTensors;
    const plain = hiddenOf(model);
    attachLora(model, { rng: Rng.fromSeed(2), rank: 3 });
    expect(hiddenOf(model)).toEqual(plain);
    expect(model.trainableParameters().size).toBe(2 * 7 * config.numHiddenLayers);
    expect(model.parameters().has('model.layers.0.self_attn.q_proj.weight')).toBe(true);
    detachLora(model);
    expect(model.trainableParameters()).toBe(model.parameters());
    expect(tf.memory().numTensors).toBe(before);
    attachLora(model, { rng: Rng.fromSeed(2) });
    model.dispose();
    expect(tf.memory().numTensors).toBe(before - model.parameters().size);
  });

  it('gives gradients that agree with finite differences, and with dropout off the same loss without a tape', () => {
    const model = createModel();
    attachRandom(model, { targets: ['q_proj', 'v_proj', 'down_proj'] });
    const { gradients } = lossAndGradients(model);
    const rng = Rng.fromSeed(9);
    for (const [name, variable] of model.trainableParameters()) {
      const original = variable.dataSync().slice();
      const direction = Float32Array.from(original, () => rng.nextNormal() / Math.sqrt(original.length));
      const slope = gradients.get(name)!.reduce((sum, g, i) => sum + g * direction[i]!, 0);
      const at = (step: number) => {
        const moved = original.map((x, i) => x + step * direction[i]!);
        tf.tidy(() => variable.assign(tf.tensor(moved, variable.shape)));
        return lossAndGradients(model).loss;
      };
      const h = 0.04;
      const numeric = (8 * (at(h / 2) - at(-h / 2)) - (at(h) - at(-h))) / (6 * h);
      tf.tidy(() => variable.assign(tf.tensor(original, variable.shape)));
      expect(Math.abs(numeric - slope), name).toBeLessThan(3e-4 + 0.01 * Math.abs(slope));
    }
    model.dispose();
  });

  it('keeps tensors flat over training steps, with dropout too', () => {
    const model = createModel();
    attachRandom(model, { dropout: 0.3 });
    lossAndGradients(model);
    const before = tf.memory().numTensors;
    const losses = new Set<number>();
    for (let i = 0; i < 20; i++) losses.add(lossAndGradients(model).loss);
    expect(tf.memory().numTensors).toBe(before);
    expect(losses.size).toBeGreaterThan(15);
    expect(hiddenOf(model)).toEqual(hiddenOf(model)); // no dropout without gradients
    model.dispose();
  });

  it('is the same merged and unmerged; the reference view is the model without adapters', async () => {
    const model = createModel();
    const plain = hiddenOf(model);
    const weights = [...model.parameters().get('model.layers.1.mlp.up_proj.weight')!.dataSync()];
    attachRandom(model);
    const adapted = hiddenOf(model);
    expect(distance(adapted, plain)).toBeGreaterThan(0.01);
    expect(hiddenOf(withoutLora(model))).toEqual(plain);
    const before = tf.memory().numTensors;
    const options = { maxNewTokens: 8, rng: Rng.fromSeed(4) };
    const unmerged = await generate(model, [Int32Array.of(1, 2)], options);
    const merged = await withMergedLora(model, async (one) => {
      expect(distance(hiddenOf(one), adapted)).toBeLessThan(1e-5);
      return generate(one, [Int32Array.of(1, 2)], options);
    });
    expect(merged[0]!.tokenIds).toEqual(unmerged[0]!.tokenIds);
    expect(tf.memory().numTensors).toBe(before);
    expect([...model.parameters().get('model.layers.1.mlp.up_proj.weight')!.dataSync()]).toEqual(weights);
    mergeLora(model);
    expect(distance(hiddenOf(model), adapted)).toBeLessThan(1e-5);
    expect(model.adapters).toBeUndefined();
    model.dispose();
  });
});

describe('PEFT files', () => {
  beforeAll(async () => {
    await selectBackend({ prefer: 'wasm' });
  });

  it('round-trip, with the names and settings that peft reads', async () => {
    const model = createModel();
    attachRandom(model, { targets: ['q_proj', 'gate_proj'], alpha: 5, dropout: 0.1 });
    const want = hiddenOf(model);
    const directory = folder();
    await saveAdapter(directory, model, { baseModel: 'base' });
    const file = await SafetensorsFile.open(join(directory, 'adapter_model.safetensors'));
    const entry = file.entries.get('base_model.model.model.layers.1.mlp.gate_proj.lora_B.weight');
    expect(entry?.shape).toEqual([config.intermediateSize, 3]);
    await file.close();
    const json = JSON.parse(await readFile(join(directory, 'adapter_config.json'), 'utf8')) as object;
    expect(json).toMatchObject({
      peft_type: 'LORA',
      task_type: 'CAUSAL_LM',
      r: 3,
      lora_alpha: 5,
      lora_dropout: 0.1,
      target_modules: ['q_proj', 'gate_proj'],
      base_model_name_or_path: 'base',
      bias: 'none',
    });
    const other = createModel();
    const loaded = await loadAdapter(other, directory);
    expect(loaded.settings).toMatchObject({ rank: 3, alpha: 5, targets: ['q_proj', 'gate_proj'] });
    expect(hiddenOf(other)).toEqual(want);
    model.dispose();
    other.dispose();
  });

  it('refuse an adapter of another model, of another kind, or with a name that would not be loaded', async () => {
    const model = createModel();
    attachRandom(model);
    const directory = folder();
    await saveAdapter(directory, model, { baseModel: 'base' });
    const configPath = join(directory, 'adapter_config.json');
    const text = await readFile(configPath, 'utf8');
    const refuse = async (message: RegExp, edit: object, onto = createModel()) => {
      await writeFile(configPath, JSON.stringify({ ...(JSON.parse(text) as object), ...edit }));
      const failed = loadAdapter(onto, directory);
      await expect(failed).rejects.toThrow(message);
      await expect(failed).rejects.toBeInstanceOf(InputError);
      onto.dispose();
    };
    const before = tf.memory().numTensors;
    await refuse(/use_dora: expected false, got true/, { use_dora: true });
    await refuse(/peft_type: expected "LORA", got "IA3"/, { peft_type: 'IA3' });
    await refuse(/rank_pattern/, { rank_pattern: { q_proj: 8 } });
    await refuse(/expected shape \[4,16\], found \[3,16\]/, { r: 4 });
    const deeper = createCausalLm({ ...config, numHiddenLayers: 3 }, { rng: Rng.fromSeed(1) });
    await refuse(/layers\.2\..*no such tensor/, {}, deeper);
    const shallow = createCausalLm({ ...config, numHiddenLayers: 1 }, { rng: Rng.fromSeed(1) });
    await refuse(/layers\.1\..*is no adapter of this model/, {}, shallow);
    expect(tf.memory().numTensors).toBe(before);
    await writeFile(configPath, '{"r": 3');
    await expect(loadAdapter(model, directory)).rejects.toThrow(/expected JSON/);
    await writeFile(configPath, text);
    await expect(loadAdapter(model, directory)).rejects.toThrow(/without adapters/);
    expect(() => attachLora(model, { rng: Rng.fromSeed(1) })).toThrow(/detachLora/);
    model.dispose();
    expect(() => attachLora(model, { rng: Rng.fromSeed(1), rank: 0 })).toThrow(/rank/);
  });
});
