import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Rng, wrapFileError, writeFileAtomic } from '@srcode/core';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { ModelFileError } from '../errors.js';
import type { LlamaModel } from '../llama-model.js';
import { checkFinite } from '../load-model.js';
import { SafetensorsFile } from '../safetensors/read-safetensors.js';
import { writeSafetensors } from '../safetensors/write-safetensors.js';
import { createAdapters, listTargetLayers, loraOf } from './attach-lora.js';
import { type LoraAdapters, type LoraSettings, type LoraTarget, loraTargets } from './lora-adapters.js';

/** What PEFT puts before a parameter's name. */
const prefix = 'base_model.model.';

/** Fields that change the maths; any other value than the one here is refused by name. */
const fixedFields = {
  peft_type: 'LORA',
  bias: 'none',
  fan_in_fan_out: false,
  use_dora: false,
  modules_to_save: null,
  layers_to_transform: null,
} as const;

/** Variants of LoRA that are refused when set to anything. */
const unsupportedFields = [
  'alora_invocation_tokens',
  'layer_replication',
  'lora_bias',
  'target_parameters',
  'trainable_token_indices',
  'use_bdlora',
  'use_qalora',
] as const;

const configSchema = z.looseObject({
  r: z.number().int().positive().max(65536),
  lora_alpha: z.number().positive(),
  lora_dropout: z.number().min(0).max(0.999).default(0),
  use_rslora: z.boolean().nullish(),
  target_modules: z.union([z.array(z.string()), z.string()]).nullish(),
  rank_pattern: z.record(z.string(), z.unknown()).nullish(),
  alpha_pattern: z.record(z.string(), z.unknown()).nullish(),
});

function fail(path: string, problem: string, context: Record<string, unknown> = {}): never {
  throw new ModelFileError({
    code: 'ADAPTER_INVALID',
    message: `${path}: ${problem}`,
    context: { path, ...context },
  });
}

/**
 * Writes the model's adapters in PEFT's layout, for peft, vLLM and `loadAdapter`: `adapter_config.json` and
 * `adapter_model.safetensors`. `baseModel` is the name or folder of the model they belong to.
 */
export async function saveAdapter(
  directory: string,
  model: LlamaModel,
  options: { readonly baseModel: string },
): Promise<void> {
  const adapters = loraOf(model);
  if (!adapters)
    fail(directory, 'expected a model with adapters to save, got one without. Call attachLora first.');
  const tensors = [...adapters.parameters()].map(([name, variable]) => ({
    name: `${prefix}${name}`,
    shape: variable.shape,
    read: async () => (await variable.data()) as Float32Array,
  }));
  await writeSafetensors(join(directory, 'adapter_model.safetensors'), tensors);
  const { rank, alpha, dropout, targets, rankStabilized } = adapters.settings;
  const config = {
    ...fixedFields,
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: options.baseModel,
    r: rank,
    lora_alpha: alpha,
    lora_dropout: dropout,
    use_rslora: rankStabilized,
    target_modules: [...targets],
    inference_mode: true,
    init_lora_weights: true,
    rank_pattern: {},
    alpha_pattern: {},
  };
  await writeFileAtomic(join(directory, 'adapter_config.json'), `${JSON.stringify(config, null, 2)}\n`);
}

async function readSettings(directory: string, stored: ReadonlySet<string>): Promise<LoraSettings> {
  const path = join(directory, 'adapter_config.json');
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw wrapFileError(error, path, 'read');
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    fail(path, `expected JSON, got text that does not parse (${(error as Error).message}).`);
  }
  const parsed = configSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    fail(path, `field "${issue?.path.join('.')}": ${issue?.message}.`);
  }
  const config = parsed.data;
  for (const [field, expected] of Object.entries(fixedFields)) {
    const value = config[field] ?? (expected === null ? null : expected);
    if (value !== expected)
      fail(
        path,
        `${field}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(value)}. Not supported.`,
        { field },
      );
  }
  for (const field of unsupportedFields) {
    if (config[field])
      fail(path, `${field}: expected none, got ${JSON.stringify(config[field])}. Not supported.`, { field });
  }
  for (const field of ['rank_pattern', 'alpha_pattern'] as const) {
    if (Object.keys(config[field] ?? {}).length > 0)
      fail(path, `${field}: expected none, got ${JSON.stringify(config[field])}. Not supported.`, { field });
  }
  // PEFT allows patterns and "all-linear" here; what is in the weight file decides.
  const targets = loraTargets.filter((target) =>
    [...stored].some((name) => name.includes(`.${target}.lora_`)),
  );
  return {
    rank: config.r,
    alpha: config.lora_alpha,
    dropout: config.lora_dropout,
    targets: targets as LoraTarget[],
    rankStabilized: config.use_rslora ?? false,
  };
}

/**
 * Attaches the adapters of a PEFT folder to the model and returns them.
 *
 * Every adapted layer must be there in the right shape and nothing else: a name that does not match is an error, not
 * an adapter silently left out. Throws `ModelFileError`.
 */
export async function loadAdapter(model: LlamaModel, directory: string): Promise<LoraAdapters> {
  const path = join(directory, 'adapter_model.safetensors');
  const file = await SafetensorsFile.open(path);
  const values = new Map<string, Float32Array>();
  let settings: LoraSettings;
  try {
    settings = await readSettings(directory, new Set(file.entries.keys()));
    const wanted = new Map<string, readonly number[]>();
    for (const [layer, [out, input]] of listTargetLayers(model.config, settings.targets)) {
      wanted.set(`${prefix}${layer}.lora_A.weight`, [settings.rank, input]);
      wanted.set(`${prefix}${layer}.lora_B.weight`, [out, settings.rank]);
    }
    const unknown = [...file.entries.keys()].find((name) => !wanted.has(name));
    if (unknown !== undefined || wanted.size === 0) {
      const [example] = listTargetLayers(model.config, loraTargets).keys();
      fail(
        path,
        `tensor ${JSON.stringify(unknown ?? 'none')} is no adapter of this model; expected names such as ${prefix}${example}.lora_A.weight.`,
      );
    }
    for (const [name, shape] of wanted) {
      const entry = file.entries.get(name);
      if (entry?.shape.join() !== shape.join())
        fail(
          path,
          `${name}: expected shape [${shape}], found ${entry ? `[${entry.shape}]` : 'no such tensor'}.`,
        );
      const tensor = await file.readTensor(name);
      checkFinite(tensor, name, path);
      values.set(name, tensor);
    }
  } finally {
    await file.close();
  }
  const adapters = createAdapters(model.config, settings, Rng.fromSeed('dropout'), (layer, factor, shape) =>
    tf.tensor2d(values.get(`${prefix}${layer}.lora_${factor}.weight`)!, shape),
  );
  try {
    model.setAdapters(adapters);
  } catch (error) {
    adapters.dispose();
    throw error;
  }
  return adapters;
}
