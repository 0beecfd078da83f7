import type { Rng } from '@srcode/core';
import type * as tf from '@tensorflow/tfjs-core';

/** Names as in a Hugging Face `config.json` of the Llama and Qwen2 families, in camel case. */
export interface ModelConfig {
  readonly modelType: 'llama' | 'qwen2';
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  readonly maxPositionEmbeddings: number;
  readonly ropeTheta: number;
  readonly ropeScaling: Readonly<Record<string, unknown>> | null;
  readonly rmsNormEps: number;
  readonly tieWordEmbeddings: boolean;
  readonly attentionBias: boolean;
  readonly bosTokenId: number | null;
  readonly eosTokenIds: readonly number[];
  readonly padTokenId: number | null;
}

/** A batch of token ids, right- or left-padded to one length, row-major. */
export interface TokenBatch {
  /** Int32Array of B·T ids. */
  readonly ids: Int32Array;
  /** B·T of 1 (real token) or 0 (padding). Positions are counted over real tokens. */
  readonly mask: Int32Array;
  readonly batchSize: number;
  readonly length: number;
}

/** A causal language model whose parameters are named as in Hugging Face checkpoints. */
export interface CausalLm {
  readonly config: ModelConfig;
  /** All parameters by name, e.g. `model.layers.0.self_attn.q_proj.weight`. */
  parameters(): ReadonlyMap<string, tf.Variable>;
  /** Those that training changes: all, or the adapters when LoRA is attached. */
  trainableParameters(): ReadonlyMap<string, tf.Variable>;
  /**
   * Hidden states after the final norm, [B, T, D] float32. Differentiable with respect to the parameters.
   * Caller disposes.
   */
  hiddenStates(batch: TokenBatch): tf.Tensor3D;
  /** Logits of given hidden rows: [N, D] → [N, V]. Differentiable. Caller disposes. */
  logits(hidden: tf.Tensor2D): tf.Tensor2D;
  /**
   * Log-probabilities in nats of `targets` [N] int32 given hidden rows [N, D] → [N] float32.
   * Differentiable with a custom gradient; logits are not kept. Caller disposes.
   */
  tokenLogProbs(hidden: tf.Tensor2D, targets: tf.Tensor1D): tf.Tensor1D;
  /**
   * Starts incremental decoding after the given prompts (each at least one token), with room for `maxNewTokens` each.
   * Without it `generate` runs the whole forward pass for every token.
   */
  startDecoding?(prompts: readonly Int32Array[], maxNewTokens: number): DecodingSession;
  dispose(): void;
}

/** One token of each active row and its log-probability in nats at temperature 1. */
export interface SampledTokens {
  readonly tokenIds: ArrayLike<number>;
  readonly logProbs: Float32Array;
}

/** Sequences being continued token by token, keys and values of what came before kept. */
export interface DecodingSession {
  /** Logits of the next token, rows × V, of the rows now active. Valid until the next call. */
  logits(): Promise<Float32Array>;
  /**
   * Samples where the logits lie, at a temperature above 0 and without truncation, by one draw of [0, 1) per row: the
   * first token at which the summed probabilities pass it. Undefined where that cannot be done; then `logits` can.
   */
  sample?(temperature: number, draw: () => readonly number[]): SampledTokens | undefined;
  /** Goes on with the given active rows (ascending indices), appending one token to each; the others are dropped. */
  advance(rows: readonly number[], tokenIds: ArrayLike<number>): void;
  dispose(): void;
}

export interface GenerateOptions {
  readonly maxNewTokens: number;
  /** 0 = greedy. Default 1. */
  readonly temperature?: number;
  /** 0 or undefined = off. */
  readonly topK?: number;
  /** 1 or undefined = off. */
  readonly topP?: number;
  readonly stopTokenIds?: readonly number[];
  /** Needs `tokenizer`. The tokens that complete the string are part of the result. */
  readonly stopStrings?: readonly string[];
  readonly tokenizer?: Pick<Tokenizer, 'decode'>;
  readonly rng: Rng;
  readonly signal?: AbortSignal;
}

export interface GeneratedSequence {
  /** Sampled ids, including the stop token when one was sampled. */
  readonly tokenIds: Int32Array;
  /** Natural log-probabilities of exactly those ids, at temperature 1 and with no truncation of the distribution. */
  readonly logProbs: Float32Array;
  readonly finishReason: 'stop' | 'length';
}

/** Text ↔ ids, plus the character offsets that rewards need. */
export interface Tokenizer {
  readonly vocabSize: number;
  readonly eosTokenId: number;
  readonly bosTokenId: number | null;
  readonly padTokenId: number;
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): Int32Array;
  /** Special tokens are left out unless asked for. */
  decode(ids: ArrayLike<number>, options?: { readonly keepSpecialTokens?: boolean }): string;
  /** Text of the ids and the span [start, end) of each in it (UTF-16 code units); special tokens have empty spans. */
  decodeWithOffsets(ids: ArrayLike<number>): {
    readonly text: string;
    readonly offsets: readonly (readonly [number, number])[];
  };
}
