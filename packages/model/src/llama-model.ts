import { InputError } from '@srcode/core';
import * as tf from '@tensorflow/tfjs-core';
import { ComposedDecodingSession } from './decode/composed-session.js';
import { CompressedWeights } from './decode/compressed-weights.js';
import { FusedDecodingSession } from './decode/fused-session.js';
import { type AttentionLayout, attend, createAttentionLayout } from './ops/attend.js';
import {
  type DecoderLayer,
  decoderLayer,
  hasDecoderLayer,
  type LowRankFactors,
} from './ops/decoder-layer.js';
import { embedTokens, embedTokensTied } from './ops/embed-tokens.js';
import { callKernel, hasKernel, isComputingGradients } from './ops/kernel-call.js';
import { rmsNorm } from './ops/rms-norm.js';
import { swiGlu } from './ops/swi-glu.js';
import { tokenLogProbs } from './ops/token-log-probs.js';
import type { CausalLm, DecodingSession, ModelConfig, TokenBatch } from './types.js';

/** Attention of layer `layer`: q [N, H·d], k and v [N, KV·d] → [N, H·d]. */
export type MixTokens = (q: tf.Tensor2D, k: tf.Tensor2D, v: tf.Tensor2D, layer: number) => tf.Tensor2D;

/** Is shown the keys and values [N, KV·d] of layer `layer`, before they are rotated. */
export type SeeKeys = (k: tf.Tensor2D, v: tf.Tensor2D, layer: number) => void;

/** Trainable additions to frozen linear layers; `attachLora` makes one. */
export interface LinearAdapters {
  /** What training changes while these are attached. */
  parameters(): ReadonlyMap<string, tf.Variable>;
  /** x·Wᵀ of the layer `name` with its addition, without bias: x [N, in], W [out, in] → [N, out]. */
  linear(x: tf.Tensor2D, weight: tf.Tensor2D, name: string): tf.Tensor2D;
  /**
   * The same additions as factors of the layer `name` (`null`: it has none), for passes that fuse what they do with
   * them; undefined when this pass must go through `linear`.
   */
  factors(name: string): LowRankFactors | null | undefined;
  dispose(): void;
}

/** See `LlamaModel.prepareDecoding`. */
export interface DecodingWeights {
  readonly layers: readonly {
    readonly weights: Readonly<Record<string, tf.Tensor>>;
    readonly factors: Readonly<Record<string, tf.Tensor>>;
  }[];
  readonly scale: number;
  readonly none: tf.Tensor;
}

/** What `read` gives for the name of each linear layer of a block, by its short name. */
function mapProjections<T>(
  read: (name: string) => T,
): Record<'q' | 'k' | 'v' | 'o' | 'gate' | 'up' | 'down', T> {
  return {
    q: read('self_attn.q_proj'),
    k: read('self_attn.k_proj'),
    v: read('self_attn.v_proj'),
    o: read('self_attn.o_proj'),
    gate: read('mlp.gate_proj'),
    up: read('mlp.up_proj'),
    down: read('mlp.down_proj'),
  };
}

/** A Llama or Qwen2 decoder on tfjs. Owns its variables until `dispose`. */
export class LlamaModel implements CausalLm {
  readonly config: ModelConfig;
  readonly #parameters: ReadonlyMap<string, tf.Variable>;
  /** The table as the step under way sees it; see `embedTokensTied`. Its scope disposes of it. */
  #tiedTable: tf.Tensor2D | undefined;
  readonly #ownsParameters: boolean;
  #adapters: LinearAdapters | undefined;
  readonly #compressed = new CompressedWeights();

  /**
   * A model of the given variables, which must be all of `listParameterShapes`, in those shapes. `dispose` frees them
   * unless `ownsParameters` is false, as for a view that shares another model's.
   */
  constructor(
    config: ModelConfig,
    parameters: ReadonlyMap<string, tf.Variable>,
    options: { readonly ownsParameters?: boolean } = {},
  ) {
    this.config = config;
    this.#parameters = parameters;
    this.#ownsParameters = options.ownsParameters ?? true;
  }

  parameters(): ReadonlyMap<string, tf.Variable> {
    return this.#parameters;
  }

  trainableParameters(): ReadonlyMap<string, tf.Variable> {
    return this.#adapters?.parameters() ?? this.#parameters;
  }

  /** Adapters in use; the model's own parameters are frozen while there are any. */
  get adapters(): LinearAdapters | undefined {
    return this.#adapters;
  }

  /** Puts adapters on the linear layers, or takes them off; `dispose` frees those that are on. `attachLora` calls this. */
  setAdapters(adapters: LinearAdapters | undefined): void {
    if (adapters && this.#adapters) {
      throw new InputError({
        code: 'LORA_ATTACHED',
        message:
          'Expected a model without adapters, got one that has some. Call detachLora or mergeLora first.',
      });
    }
    this.#adapters = adapters;
  }

  #weight<R extends tf.Rank>(name: string): tf.Tensor<R> {
    return this.#parameters.get(name) as unknown as tf.Tensor<R>;
  }

  #linear(x: tf.Tensor2D, name: string): tf.Tensor2D {
    const weight = this.#weight<tf.Rank.R2>(`${name}.weight`);
    const product = this.#adapters?.linear(x, weight, name) ?? tf.matMul(x, weight, false, true);
    const bias = this.#parameters.get(`${name}.bias`);
    return bias ? (tf.add(product, bias) as tf.Tensor2D) : (product as tf.Tensor2D);
  }

  hiddenStates(batch: TokenBatch): tf.Tensor3D {
    this.#checkIds(batch.ids, batch.length);
    // in the caller's scope, not in this one's: the output layer comes later
    const embedded = this.#embedTied(batch.ids);
    return tf.tidy(() => {
      const layout = createAttentionLayout(this.config, batch);
      const hidden =
        this.#runFusedLayers(batch.ids, layout, embedded) ??
        this.runLayers(batch.ids, (q, k, v) => attend(q, k, v, layout));
      return tf.reshape(hidden, [batch.batchSize, batch.length, this.config.hiddenSize]) as tf.Tensor3D;
    });
  }

  /** Rows of a table that this training step changes and that the output layer uses too; else undefined. */
  #embedTied(ids: Int32Array): tf.Tensor2D | undefined {
    const isTrained = isComputingGradients() && !this.#adapters && this.config.tieWordEmbeddings;
    if (!isTrained || !hasDecoderLayer() || ids.length === 0) return undefined;
    const embedded = embedTokensTied(this.#weight('model.embed_tokens.weight'), ids);
    this.#tiedTable = embedded?.table;
    return embedded?.rows;
  }

  /** As `runLayers`, each layer in one piece; undefined where the backend or the adapters do not allow it. */
  #runFusedLayers(
    ids: Int32Array,
    layout: AttentionLayout,
    embedded?: tf.Tensor2D,
    see?: SeeKeys,
  ): tf.Tensor2D | undefined {
    const adapters = this.#adapters;
    if (!hasDecoderLayer() || ids.length === 0) return undefined;
    if (adapters && adapters.factors('model.layers.0.self_attn.q_proj') === undefined) return undefined;
    const isTraining = isComputingGradients();
    // what is about to change is not worth a second copy
    if (isTraining && !adapters) this.#compressed.dispose();
    let x = embedded ?? embedTokens(this.#weight('model.embed_tokens.weight'), ids); // [N, D]
    for (let i = 0; i < this.config.numHiddenLayers; i++) {
      const linear = (name: string) => ({
        weight: this.#weight<tf.Rank.R2>(`model.layers.${i}.${name}.weight`),
        bias: this.#parameters.get(`model.layers.${i}.${name}.bias`) as tf.Tensor1D | undefined,
        factors: adapters?.factors(`model.layers.${i}.${name}`) ?? undefined,
      });
      const layer: DecoderLayer = {
        inputNorm: this.#weight(`model.layers.${i}.input_layernorm.weight`),
        innerNorm: this.#weight(`model.layers.${i}.post_attention_layernorm.weight`),
        epsilon: this.config.rmsNormEps,
        frozen: adapters !== undefined,
        ...mapProjections(linear),
      };
      const before = x;
      x = decoderLayer(x, layer, layout, see && ((k, v) => see(k, v, i)));
      // the layer has kept what its gradient needs
      before.dispose();
    }
    return rmsNorm(x, this.#weight('model.norm.weight'), this.config.rmsNormEps);
  }

  /**
   * Hidden states after the final norm, [N, D], of prompts; `see` is shown each layer's keys and values. Call inside `tidy`.
   */
  runPromptLayers(ids: Int32Array, layout: AttentionLayout, see: SeeKeys): tf.Tensor2D {
    return (
      this.#runFusedLayers(ids, layout, undefined, see) ??
      this.runLayers(ids, (q, k, v, layer) => {
        see(k, v, layer);
        return attend(q, k, v, layout);
      })
    );
  }

  /**
   * Hidden states after the final norm, [N, D], of N tokens; `mix` is the attention of one layer:
   * q [N, H·d], k and v [N, KV·d] → [N, H·d]. Call inside `tidy`.
   */
  runLayers(ids: Int32Array, mix: MixTokens): tf.Tensor2D {
    const epsilon = this.config.rmsNormEps;
    let x = embedTokens(this.#weight('model.embed_tokens.weight'), ids); // [N, D]
    for (let i = 0; i < this.config.numHiddenLayers; i++) {
      const layer = `model.layers.${i}`;
      const before = x;
      x = tf.tidy(() => {
        const h = rmsNorm(before, this.#weight(`${layer}.input_layernorm.weight`), epsilon);
        const q = this.#linear(h, `${layer}.self_attn.q_proj`);
        const k = this.#linear(h, `${layer}.self_attn.k_proj`);
        const v = this.#linear(h, `${layer}.self_attn.v_proj`);
        const inner = tf.add(
          before,
          this.#linear(mix(q, k, v, i), `${layer}.self_attn.o_proj`),
        ) as tf.Tensor2D;
        const h2 = rmsNorm(inner, this.#weight(`${layer}.post_attention_layernorm.weight`), epsilon);
        const gate = this.#linear(h2, `${layer}.mlp.gate_proj`);
        const up = this.#linear(h2, `${layer}.mlp.up_proj`);
        return tf.add(inner, this.#linear(swiGlu(gate, up), `${layer}.mlp.down_proj`)) as tf.Tensor2D;
      });
    }
    return rmsNorm(x, this.#weight('model.norm.weight'), epsilon);
  }

  /**
   * What decoding reads of each layer, in the order of `SrcodeDecodeLayers`, and the scale of adapters; undefined where
   * those do not allow it. Good as long as neither weights nor adapters change; `none`, which stands for what a layer
   * does not have, is the caller's to dispose.
   */
  prepareDecoding(): DecodingWeights | undefined {
    const adapters = this.#adapters;
    const factors = Array.from({ length: this.config.numHiddenLayers }, (_, i) =>
      mapProjections((name) => (adapters ? adapters.factors(`model.layers.${i}.${name}`) : null)),
    );
    const all = factors.flatMap((layer) => Object.values(layer));
    const scales = new Set(all.flatMap((pair) => (pair ? [pair.scale] : [])));
    if (all.includes(undefined) || scales.size > 1) return undefined;
    const none = tf.keep(tf.zeros([0]));
    const layers = factors.map((own, i) => {
      const prefix = `model.layers.${i}`;
      const projection = (name: string) => this.#decodingWeight(`${prefix}.${name}.weight`);
      const bias = (name: string): tf.Tensor =>
        this.#parameters.get(`${prefix}.self_attn.${name}.bias`) ?? none;
      const pairs = Object.entries(own).flatMap(([name, pair]) => [
        [`${name}A`, pair?.a ?? none],
        [`${name}B`, pair?.b ?? none],
      ]);
      const { q, k, v, o, gate, up, down } = mapProjections(projection);
      const inputNorm = this.#weight<tf.Rank.R1>(`${prefix}.input_layernorm.weight`);
      const innerNorm = this.#weight<tf.Rank.R1>(`${prefix}.post_attention_layernorm.weight`);
      const biases = { qBias: bias('q_proj'), kBias: bias('k_proj'), vBias: bias('v_proj') };
      const weights = { inputNorm, q, k, v, o, innerNorm, gate, up, down, ...biases };
      return { weights, factors: Object.fromEntries(pairs) };
    });
    return { layers, scale: [...scales][0] ?? 1, none };
  }

  /**
   * Logits [N, V] of the token after one token of each of N rows; `layers` runs all layers: x [N, D] → [N, D]. Call inside
   * `tidy`.
   */
  runDecodingLayers(ids: Int32Array, layers: (x: tf.Tensor2D) => tf.Tensor2D): tf.Tensor2D {
    const x = layers(embedTokens(this.#weight('model.embed_tokens.weight'), ids));
    const hidden = rmsNorm(x, this.#weight('model.norm.weight'), this.config.rmsNormEps);
    const [logits] = callKernel('SrcodeSkinnyLinear', { x: hidden, w: this.#decodingWeight(this.#headName) });
    return logits as tf.Tensor2D;
  }

  #decodingWeight(name: string): tf.Tensor2D {
    return this.#compressed.get(name, this.#weight<tf.Rank.R2>(name));
  }

  startDecoding(prompts: readonly Int32Array[], maxNewTokens: number): DecodingSession {
    for (const prompt of prompts) this.#checkIds(prompt, prompt.length);
    return hasKernel('SrcodeDecodeAttention')
      ? new FusedDecodingSession(this, prompts, maxNewTokens)
      : new ComposedDecodingSession(this, prompts, maxNewTokens);
  }

  get #headName(): string {
    return this.config.tieWordEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
  }

  #head(): tf.Tensor2D {
    return this.#weight(this.#headName);
  }

  logits(hidden: tf.Tensor2D): tf.Tensor2D {
    return tf.matMul(hidden, this.#head(), false, true);
  }

  tokenLogProbs(hidden: tf.Tensor2D, targets: tf.Tensor1D): tf.Tensor1D {
    const tied = isComputingGradients() && !this.#tiedTable?.isDisposed ? this.#tiedTable : undefined;
    return tokenLogProbs(hidden, tied ?? this.#head(), targets, this.#adapters === undefined);
  }

  dispose(): void {
    if (this.#ownsParameters) for (const variable of this.#parameters.values()) variable.dispose();
    this.#adapters?.dispose();
    this.#adapters = undefined;
    this.#compressed.dispose();
  }

  #checkIds(ids: Int32Array, length: number): void {
    const { vocabSize, maxPositionEmbeddings } = this.config;
    if (length > maxPositionEmbeddings) {
      throw new InputError({
        code: 'BATCH_TOO_LONG',
        message: `Expected at most ${maxPositionEmbeddings} positions (max_position_embeddings), got ${length}. Truncate the sequences.`,
        context: { length, maxPositionEmbeddings },
      });
    }
    const bad = ids.findIndex((id) => id < 0 || id >= vocabSize);
    if (bad !== -1) {
      throw new InputError({
        code: 'TOKEN_OUT_OF_RANGE',
        message: `Expected token ids in [0, ${vocabSize}), got ${ids[bad]} at index ${bad}. Is this the tokenizer of this model?`,
        context: { id: ids[bad], vocabSize },
      });
    }
  }
}
