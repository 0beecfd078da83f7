import { z } from 'zod';
import { ModelFileError } from './errors.js';
import type { ModelConfig } from './types.js';

/** 2^20: far above any published model; a larger count in a file is damage or an attack. */
const maxCount = 1 << 20;
const count = z.number().int().positive().max(maxCount);
const tokenId = z.number().int().nonnegative();

const hfConfigSchema = z.object({
  model_type: z.string(),
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: z.number().int().positive().max(1024),
  num_attention_heads: z.number().int().positive().max(4096),
  num_key_value_heads: z.number().int().positive().max(4096).nullish(),
  head_dim: z.number().int().positive().max(4096).nullish(),
  max_position_embeddings: z
    .number()
    .int()
    .positive()
    .max(1 << 24)
    .default(2048),
  rope_theta: z.number().positive().nullish(),
  rope_scaling: z.record(z.string(), z.unknown()).nullish(),
  rope_parameters: z.record(z.string(), z.unknown()).nullish(),
  rms_norm_eps: z.number().positive().default(1e-6),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  hidden_act: z.string().default('silu'),
  use_sliding_window: z.boolean().nullish(),
  partial_rotary_factor: z.number().nullish(),
  bos_token_id: tokenId.nullish(),
  eos_token_id: z.union([tokenId, z.array(tokenId)]).nullish(),
  pad_token_id: z.number().int().nullish(),
});

function refuse(field: string, got: unknown, expected: string): never {
  throw new ModelFileError({
    code: 'MODEL_CONFIG_UNSUPPORTED',
    message: `config.json: ${field}: expected ${expected}, got ${JSON.stringify(got)}. This model cannot be loaded.`,
    context: { field, got },
  });
}

/** A `ModelConfig` after its sizes have been checked against each other. Throws `ModelFileError`. */
export function checkModelConfig(config: ModelConfig): ModelConfig {
  const { numAttentionHeads: heads, numKeyValueHeads: kvHeads, headDim } = config;
  if (heads % kvHeads !== 0)
    refuse('num_key_value_heads', kvHeads, `a divisor of num_attention_heads (${heads})`);
  if (headDim % 2 !== 0) refuse('head_dim', headDim, 'an even number (rotary embeddings turn pairs)');
  return config;
}

/**
 * The configuration in a Hugging Face `config.json` of the Llama or Qwen2 family.
 *
 * Throws `ModelFileError` naming the field for anything missing, out of range or not supported.
 */
export function parseModelConfig(json: unknown): ModelConfig {
  const parsed = hfConfigSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new ModelFileError({
      code: 'MODEL_CONFIG_INVALID',
      message: `config.json: field "${issue?.path.map(String).join('.') ?? ''}": ${issue?.message ?? 'invalid'}. Expected a Hugging Face configuration of the Llama or Qwen2 family.`,
      context: { issues: parsed.error.issues },
    });
  }
  const c = parsed.data;
  const modelType = c.model_type;
  if (modelType !== 'llama' && modelType !== 'qwen2') refuse('model_type', modelType, '"llama" or "qwen2"');
  if (c.hidden_act !== 'silu') refuse('hidden_act', c.hidden_act, '"silu"');
  if (c.mlp_bias) refuse('mlp_bias', true, 'false');
  if (c.use_sliding_window) refuse('use_sliding_window', true, 'false');
  if (c.partial_rotary_factor != null && c.partial_rotary_factor !== 1)
    refuse('partial_rotary_factor', c.partial_rotary_factor, '1');
  if (modelType === 'llama' && c.attention_bias) refuse('attention_bias', true, 'false for "llama"');
  const rope = c.rope_parameters ?? c.rope_scaling ?? null;
  const theta = c.rope_theta ?? (typeof rope?.rope_theta === 'number' ? rope.rope_theta : 10000);
  const eos = c.eos_token_id;
  if (c.head_dim == null && c.hidden_size % c.num_attention_heads !== 0)
    refuse('num_attention_heads', c.num_attention_heads, `a divisor of hidden_size (${c.hidden_size})`);
  return checkModelConfig({
    modelType,
    vocabSize: c.vocab_size,
    hiddenSize: c.hidden_size,
    intermediateSize: c.intermediate_size,
    numHiddenLayers: c.num_hidden_layers,
    numAttentionHeads: c.num_attention_heads,
    numKeyValueHeads: c.num_key_value_heads ?? c.num_attention_heads,
    headDim: c.head_dim ?? c.hidden_size / c.num_attention_heads,
    maxPositionEmbeddings: c.max_position_embeddings,
    ropeTheta: theta,
    ropeScaling: rope && (rope.rope_type ?? rope.type ?? 'default') !== 'default' ? rope : null,
    rmsNormEps: c.rms_norm_eps,
    tieWordEmbeddings: c.tie_word_embeddings,
    attentionBias: modelType === 'qwen2',
    bosTokenId: c.bos_token_id ?? null,
    eosTokenIds: eos == null ? [] : Array.isArray(eos) ? eos : [eos],
    padTokenId: c.pad_token_id != null && c.pad_token_id >= 0 ? c.pad_token_id : null,
  });
}

/** The `config.json` object that transformers loads for this configuration. */
export function formatModelConfig(config: ModelConfig): Record<string, unknown> {
  const eos = config.eosTokenIds;
  return {
    architectures: [config.modelType === 'llama' ? 'LlamaForCausalLM' : 'Qwen2ForCausalLM'],
    model_type: config.modelType,
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.numHiddenLayers,
    num_attention_heads: config.numAttentionHeads,
    num_key_value_heads: config.numKeyValueHeads,
    head_dim: config.headDim,
    max_position_embeddings: config.maxPositionEmbeddings,
    rope_theta: config.ropeTheta,
    rope_scaling: config.ropeScaling,
    rms_norm_eps: config.rmsNormEps,
    tie_word_embeddings: config.tieWordEmbeddings,
    ...(config.modelType === 'llama' ? { attention_bias: false, mlp_bias: false } : {}),
    hidden_act: 'silu',
    attention_dropout: 0,
    bos_token_id: config.bosTokenId,
    eos_token_id: eos.length === 0 ? null : eos.length === 1 ? eos[0] : eos,
    pad_token_id: config.padTokenId,
    torch_dtype: 'float32',
  };
}

export interface CreateLlamaConfigOptions {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  /** Default: as many as attention heads. */
  readonly numKeyValueHeads?: number;
  /** Default: 8/3 of the hidden size, rounded up to a multiple of 32. */
  readonly intermediateSize?: number;
  /** Default 2048. */
  readonly maxPositionEmbeddings?: number;
  /** Default true: small models spend their parameters better elsewhere. */
  readonly tieWordEmbeddings?: boolean;
  readonly bosTokenId?: number | null;
  readonly eosTokenIds?: readonly number[];
  readonly padTokenId?: number | null;
}

/** A Llama configuration for a model made from scratch. Throws `ModelFileError` when sizes do not fit each other. */
export function createLlamaConfig(options: CreateLlamaConfigOptions): ModelConfig {
  const { hiddenSize, numAttentionHeads: heads } = options;
  if (hiddenSize % heads !== 0)
    refuse('num_attention_heads', heads, `a divisor of hidden_size (${hiddenSize})`);
  return checkModelConfig({
    modelType: 'llama',
    vocabSize: options.vocabSize,
    hiddenSize,
    intermediateSize: options.intermediateSize ?? Math.ceil((hiddenSize * 8) / 3 / 32) * 32,
    numHiddenLayers: options.numHiddenLayers,
    numAttentionHeads: heads,
    numKeyValueHeads: options.numKeyValueHeads ?? heads,
    headDim: hiddenSize / heads,
    maxPositionEmbeddings: options.maxPositionEmbeddings ?? 2048,
    ropeTheta: 10000,
    ropeScaling: null,
    rmsNormEps: 1e-5,
    tieWordEmbeddings: options.tieWordEmbeddings ?? true,
    attentionBias: false,
    bosTokenId: options.bosTokenId ?? null,
    eosTokenIds: options.eosTokenIds ?? [],
    padTokenId: options.padTokenId ?? null,
  });
}
