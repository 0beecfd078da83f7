import { z } from 'zod';
import { ModelFileError } from '../errors.js';
import { parseModelConfig } from '../model-config.js';
import type { ModelConfig } from '../types.js';
import { failGguf } from './gguf-cursor.js';
import type { GgufHeader, GgufValue } from './parse-gguf-header.js';

function refuse(path: string, key: string, got: unknown, expected: string): never {
  throw new ModelFileError({
    code: 'GGUF_UNSUPPORTED',
    message: `${path}: ${key}: expected ${expected}, got ${JSON.stringify(got)}. This model cannot be loaded.`,
    context: { path, key, got },
  });
}

/** Reads metadata values with their types checked; errors name the key. */
export class GgufMetadata {
  readonly #values: ReadonlyMap<string, GgufValue>;
  readonly #path: string;

  constructor(header: GgufHeader, path: string) {
    this.#values = header.metadata;
    this.#path = path;
  }

  /** The value of `key` by `schema`; undefined when absent and the schema allows it. */
  read<S extends z.ZodType>(key: string, schema: S): z.output<S> {
    const parsed = schema.safeParse(this.#values.get(key));
    if (parsed.success) return parsed.data;
    failGguf(
      this.#path,
      `metadata ${JSON.stringify(key)}: ${parsed.error.issues[0]?.message ?? 'invalid'}.`,
      { key },
    );
  }
}

const count = z.number().int().positive();

/** The configuration that a GGUF file's metadata describes. Throws `ModelFileError` for what is not supported. */
export function readGgufConfig(header: GgufHeader, path: string): ModelConfig {
  const metadata = new GgufMetadata(header, path);
  const architecture = metadata.read('general.architecture', z.string());
  if (architecture !== 'llama' && architecture !== 'qwen2')
    refuse(path, 'general.architecture', architecture, '"llama" or "qwen2"');
  const key = (name: string) => `${architecture}.${name}`;
  const scaling = metadata.read(key('rope.scaling.type'), z.string().optional());
  if (scaling !== undefined && scaling !== 'none' && scaling !== 'linear')
    refuse(path, key('rope.scaling.type'), scaling, '"none" or "linear"');
  if (header.tensors.has('rope_freqs.weight'))
    refuse(
      path,
      'rope_freqs.weight',
      'present',
      'no table of rotary frequencies (Llama 3.1 scaling); load the safetensors',
    );
  const experts = metadata.read(key('expert_count'), z.number().optional());
  if (experts) refuse(path, key('expert_count'), experts, '0');
  const hiddenSize = metadata.read(key('embedding_length'), count);
  const heads = metadata.read(key('attention.head_count'), count);
  const headDim = metadata.read(key('attention.key_length'), count.optional()) ?? hiddenSize / heads;
  const rotated = metadata.read(key('rope.dimension_count'), count.optional()) ?? headDim;
  if (rotated !== headDim) refuse(path, key('rope.dimension_count'), rotated, `the head size, ${headDim}`);
  const tokens = metadata.read('tokenizer.ggml.tokens', z.array(z.string()));
  return parseModelConfig({
    model_type: architecture,
    vocab_size: header.tensors.get('token_embd.weight')?.shape[0] ?? tokens.length,
    hidden_size: hiddenSize,
    intermediate_size: metadata.read(key('feed_forward_length'), count),
    num_hidden_layers: metadata.read(key('block_count'), count),
    num_attention_heads: heads,
    num_key_value_heads: metadata.read(key('attention.head_count_kv'), count.optional()) ?? heads,
    head_dim: headDim,
    max_position_embeddings: metadata.read(key('context_length'), count),
    rope_theta: metadata.read(key('rope.freq_base'), z.number().positive().optional()) ?? 10000,
    rope_scaling:
      scaling === 'linear'
        ? { rope_type: 'linear', factor: metadata.read(key('rope.scaling.factor'), z.number().positive()) }
        : null,
    rms_norm_eps: metadata.read(key('attention.layer_norm_rms_epsilon'), z.number().positive()),
    tie_word_embeddings: !header.tensors.has('output.weight'),
    bos_token_id: metadata.read('tokenizer.ggml.bos_token_id', z.number().int().optional()) ?? null,
    eos_token_id: metadata.read('tokenizer.ggml.eos_token_id', z.number().int().optional()) ?? null,
    pad_token_id: metadata.read('tokenizer.ggml.padding_token_id', z.number().int().optional()) ?? null,
  });
}
