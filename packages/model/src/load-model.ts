import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { wrapFileError } from '@srcode/core';
import { z } from 'zod';
import { ModelFileError, TokenizerError } from './errors.js';
import { LlamaModel } from './llama-model.js';
import { type ByteLevelTokenizer, loadTokenizer } from './load-tokenizer.js';
import { parseModelConfig } from './model-config.js';
import { listParameterShapes, ParameterBuilder } from './parameter-builder.js';
import { SafetensorsFile } from './safetensors/read-safetensors.js';
import type { ModelConfig } from './types.js';

/** A model and the tokenizer that belongs to it. */
export interface LoadedModel {
  readonly model: LlamaModel;
  readonly tokenizer: ByteLevelTokenizer;
}

/** 64 MiB: the largest published `tokenizer.json` is below 35 MB. */
const maxJsonBytes = 64 * 1024 * 1024;

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > maxJsonBytes) {
      throw new ModelFileError({
        code: 'MODEL_JSON_TOO_LARGE',
        message: `${path}: expected at most ${maxJsonBytes} bytes of JSON, found ${size}.`,
        context: { path, size },
      });
    }
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw wrapFileError(error, path, 'read');
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ModelFileError({
      code: 'MODEL_JSON_INVALID',
      message: `${path}: expected JSON, got text that does not parse (${(cause as Error).message}). The file is damaged or cut short.`,
      context: { path },
      cause,
    });
  }
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

const indexSchema = z.object({
  weight_map: z.record(z.string(), z.string().regex(/^[\w.-]+\.safetensors$/)),
});

/** Opens `model.safetensors`, or all shards that `model.safetensors.index.json` names. Caller closes. */
async function openWeights(directory: string): Promise<SafetensorsFile[]> {
  const indexPath = join(directory, 'model.safetensors.index.json');
  if (!(await exists(indexPath))) return [await SafetensorsFile.open(join(directory, 'model.safetensors'))];
  const parsed = indexSchema.safeParse(await readJson(indexPath));
  if (!parsed.success) {
    throw new ModelFileError({
      code: 'MODEL_INDEX_INVALID',
      message: `${indexPath}: expected weight_map from tensor names to .safetensors files beside it: ${parsed.error.issues[0]?.message}.`,
      context: { path: indexPath },
    });
  }
  const files: SafetensorsFile[] = [];
  try {
    for (const name of [...new Set(Object.values(parsed.data.weight_map))].sort())
      files.push(await SafetensorsFile.open(join(directory, name)));
  } catch (error) {
    await Promise.all(files.map((file) => file.close()));
    throw error;
  }
  return files;
}

/** Tensors that checkpoints carry and the model computes itself or shares. */
function isRedundant(name: string, config: ModelConfig): boolean {
  return name.endsWith('.rotary_emb.inv_freq') || (config.tieWordEmbeddings && name === 'lm_head.weight');
}

function checkNames(config: ModelConfig, files: readonly SafetensorsFile[], directory: string): void {
  const shapes = listParameterShapes(config);
  const found = new Map(files.flatMap((file) => [...file.entries]));
  const missing = [...shapes.keys()].filter((name) => !found.has(name));
  const unknown = [...found.keys()].filter((name) => !shapes.has(name) && !isRedundant(name, config));
  const wrong = [...shapes].find(([name, shape]) => found.get(name)?.shape.join() !== shape.join());
  if (missing.length + unknown.length === 0 && !wrong) return;
  const problem =
    missing.length > 0
      ? `${missing.length} tensors are missing, first ${missing[0]}`
      : unknown.length > 0
        ? `${unknown.length} tensors are not part of a ${config.modelType} model, first ${unknown[0]}`
        : `${wrong![0]} has shape [${found.get(wrong![0])!.shape}], expected [${wrong![1]}]`;
  throw new ModelFileError({
    code: 'MODEL_WEIGHTS_MISMATCH',
    message: `${directory}: the weights do not fit config.json: ${problem}.`,
    context: { directory, missing: missing.slice(0, 5), unknown: unknown.slice(0, 5) },
  });
}

/** Throws `ModelFileError` when a weight is NaN or infinite; `from` is the index of the first in its tensor. */
export function checkFinite(values: Float32Array, name: string, path: string, from = 0): void {
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i]!)) continue;
    const index = from + i;
    throw new ModelFileError({
      code: 'MODEL_WEIGHTS_NOT_FINITE',
      message: `${path}: ${name} holds ${values[i]} at index ${index}; expected finite weights. Training diverged or the file is damaged.`,
      context: { path, name, index },
    });
  }
}

/** Passes the parts of a weight on, each through `checkFinite`. */
export async function* checkParts(
  parts: AsyncIterable<Float32Array>,
  name: string,
  path: string,
): AsyncGenerator<Float32Array> {
  let before = 0;
  for await (const values of parts) {
    checkFinite(values, name, path, before);
    yield values;
    before += values.length;
  }
}

/** The model of `config` with the weights of the directory. Caller disposes. */
export async function loadWeights(directory: string, config: ModelConfig): Promise<LlamaModel> {
  const files = await openWeights(directory);
  const builder = new ParameterBuilder(config);
  try {
    checkNames(config, files, directory);
    for (const file of files) {
      for (const name of file.entries.keys()) {
        if (isRedundant(name, config)) continue;
        await builder.fill(name, checkParts(file.readParts(name), name, file.path));
      }
    }
    return new LlamaModel(config, builder.finish());
  } catch (error) {
    builder.dispose();
    throw error;
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

/** Throws `TokenizerError` when the tokenizer knows ids that the model has no embedding for. */
export function checkTokenizerFits(
  tokenizer: { readonly vocabSize: number },
  config: ModelConfig,
  where: string,
): void {
  if (tokenizer.vocabSize <= config.vocabSize) return;
  throw new TokenizerError({
    code: 'TOKENIZER_MISMATCH',
    message: `${where}: the tokenizer has ${tokenizer.vocabSize} ids, the model only ${config.vocabSize} (vocab_size). This is the tokenizer of another model.`,
    context: { tokenizer: tokenizer.vocabSize, model: config.vocabSize },
  });
}

/** Ids that end an answer according to `generation_config.json`, if there is one. */
async function readStopIds(directory: string): Promise<readonly number[]> {
  const path = join(directory, 'generation_config.json');
  if (!(await exists(path))) return [];
  const schema = z.object({
    eos_token_id: z.union([z.number().int(), z.array(z.number().int())]).nullish(),
  });
  const parsed = schema.safeParse(await readJson(path));
  const eos = parsed.data?.eos_token_id;
  return eos == null ? [] : [eos].flat();
}

/**
 * The model and tokenizer of a Hugging Face directory: `config.json`, `model.safetensors` or its shards (float32,
 * float16, bfloat16), `tokenizer.json`, `tokenizer_config.json`. One tensor at a time passes through memory.
 *
 * Throws `ModelFileError`, `TokenizerError` or `InputError` that names the file and what is wrong with it. Caller
 * disposes the model.
 */
export async function loadModel(directory: string): Promise<LoadedModel> {
  const parsed = parseModelConfig(await readJson(join(directory, 'config.json')));
  const stopIds = await readStopIds(directory);
  const config = { ...parsed, eosTokenIds: [...new Set([...parsed.eosTokenIds, ...stopIds])] };
  const tokenizer = loadTokenizer(
    await readJson(join(directory, 'tokenizer.json')),
    await readJson(join(directory, 'tokenizer_config.json')),
  );
  checkTokenizerFits(tokenizer, config, directory);
  return { model: await loadWeights(directory, config), tokenizer };
}
