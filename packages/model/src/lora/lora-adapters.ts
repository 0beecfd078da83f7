import type { Rng } from '@srcode/core';
import * as tf from '@tensorflow/tfjs-core';
import type { LinearAdapters } from '../llama-model.js';
import type { LowRankFactors } from '../ops/decoder-layer.js';
import { isComputingGradients } from '../ops/kernel-call.js';
import { adaptedLinear, frozenLinear } from './adapted-linear.js';

/** The linear layers of a block that can be adapted. */
export const loraTargets = [
  'q_proj',
  'k_proj',
  'v_proj',
  'o_proj',
  'gate_proj',
  'up_proj',
  'down_proj',
] as const;
export type LoraTarget = (typeof loraTargets)[number];

export interface LoraSettings {
  readonly rank: number;
  readonly alpha: number;
  /** Share of an adapted layer's inputs set to zero while gradients are computed. */
  readonly dropout: number;
  readonly targets: readonly LoraTarget[];
  /** Scale by alpha / √rank instead of alpha / rank (rsLoRA; Kalajdzievski 2023). */
  readonly rankStabilized: boolean;
}

/** The two factors of one adapted layer: ΔW = scale · b · a. */
export interface LoraPair {
  /** [rank, in]. */
  readonly a: tf.Variable;
  /** [out, rank]. */
  readonly b: tf.Variable;
}

/** Low-rank adapters of a model's linear layers (Hu et al. 2021). Owns its variables until `dispose`. */
export class LoraAdapters implements LinearAdapters {
  readonly settings: LoraSettings;
  /** By layer name, e.g. `model.layers.0.self_attn.q_proj`. */
  readonly pairs: ReadonlyMap<string, LoraPair>;
  readonly #rng: Rng;

  constructor(settings: LoraSettings, pairs: ReadonlyMap<string, LoraPair>, rng: Rng) {
    this.settings = settings;
    this.pairs = pairs;
    this.#rng = rng;
  }

  get scale(): number {
    const { rank, alpha, rankStabilized } = this.settings;
    return alpha / (rankStabilized ? Math.sqrt(rank) : rank);
  }

  /** Adapter variables as in PEFT, without its prefix: `<layer>.lora_A.weight`, `<layer>.lora_B.weight`. */
  parameters(): Map<string, tf.Variable> {
    return new Map(
      [...this.pairs].flatMap(([name, { a, b }]) => [
        [`${name}.lora_A.weight`, a],
        [`${name}.lora_B.weight`, b],
      ]),
    );
  }

  /** x·Wᵀ, plus scale·x·aᵀ·bᵀ where the layer `name` is adapted: x [N, in], W [out, in] → [N, out]. */
  linear(x: tf.Tensor2D, weight: tf.Tensor2D, name: string): tf.Tensor2D {
    const pair = this.pairs.get(name);
    if (!pair) return frozenLinear(x, weight);
    const training = this.settings.dropout > 0 && isComputingGradients();
    return adaptedLinear(x, weight, pair, this.scale, training ? this.#dropoutMask(x) : undefined);
  }

  factors(name: string): LowRankFactors | null | undefined {
    if (this.settings.dropout > 0 && isComputingGradients()) return undefined;
    const pair = this.pairs.get(name);
    if (!pair) return null;
    return {
      a: pair.a as unknown as tf.Tensor2D,
      b: pair.b as unknown as tf.Tensor2D,
      scale: this.scale,
    };
  }

  /** Factors of inverted dropout: 0, or 1 / (1 − dropout). */
  #dropoutMask(x: tf.Tensor2D): tf.Tensor2D {
    const { dropout } = this.settings;
    const keep = 1 / (1 - dropout);
    const limit = dropout * 2 ** 32;
    const mask = new Float32Array(x.size);
    // xorshift32: a mask for every layer and step must cost less than the layer.
    let state = this.#rng.nextUint32() | 1;
    for (let i = 0; i < mask.length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      mask[i] = state >>> 0 < limit ? 0 : keep;
    }
    return tf.tensor2d(mask, x.shape);
  }

  dispose(): void {
    for (const { a, b } of this.pairs.values()) tf.dispose([a, b]);
  }
}
