import * as tf from '@tensorflow/tfjs-core';
import { callKernel, hasKernel } from './ops/kernel-call.js';
import type { ModelConfig } from './types.js';

let modelCount = 0;

/** Shapes of all parameters by Hugging Face name, in checkpoint order. Linear weights are [out, in]. */
export function listParameterShapes(config: ModelConfig): Map<string, readonly number[]> {
  const D = config.hiddenSize;
  const F = config.intermediateSize;
  const Q = config.numAttentionHeads * config.headDim;
  const K = config.numKeyValueHeads * config.headDim;
  const shapes = new Map<string, readonly number[]>();
  shapes.set('model.embed_tokens.weight', [config.vocabSize, D]);
  for (let i = 0; i < config.numHiddenLayers; i++) {
    const layer = `model.layers.${i}`;
    shapes.set(`${layer}.input_layernorm.weight`, [D]);
    for (const [name, size] of [['q', Q] as const, ['k', K] as const, ['v', K] as const]) {
      shapes.set(`${layer}.self_attn.${name}_proj.weight`, [size, D]);
      if (config.attentionBias) shapes.set(`${layer}.self_attn.${name}_proj.bias`, [size]);
    }
    shapes.set(`${layer}.self_attn.o_proj.weight`, [D, Q]);
    shapes.set(`${layer}.post_attention_layernorm.weight`, [D]);
    shapes.set(`${layer}.mlp.gate_proj.weight`, [F, D]);
    shapes.set(`${layer}.mlp.up_proj.weight`, [F, D]);
    shapes.set(`${layer}.mlp.down_proj.weight`, [D, F]);
  }
  shapes.set('model.norm.weight', [D]);
  if (!config.tieWordEmbeddings) shapes.set('lm_head.weight', [config.vocabSize, D]);
  return shapes;
}

/** Collects a model's parameters; tfjs variable names are global, so that each model's are made unique. */
export class ParameterBuilder {
  readonly #shapes: ReadonlyMap<string, readonly number[]>;
  readonly #id = modelCount++;
  readonly #parameters = new Map<string, tf.Variable>();

  constructor(config: ModelConfig) {
    this.#shapes = listParameterShapes(config);
  }

  /** Sets a parameter to the tensor that `create` makes for its shape; the tensor is disposed here. */
  set(name: string, create: (shape: number[]) => tf.Tensor): void {
    const read = create([...this.#shapes.get(name)!]);
    // The native backend works on the array that was read as long as the tensor lives, and only the garbage collector
    // frees it after an update has replaced it: a copy of the backend's own is freed at once.
    const initial = hasKernel('SrcodeCopy')
      ? callKernel('SrcodeCopy', { x: read })[0]!
      : tf.getBackend() === 'tensorflow'
        ? tf.mul(read, 1)
        : tf.clone(read);
    read.dispose();
    this.#parameters.set(name, tf.variable(initial, true, `${name}#${this.#id}`));
    initial.dispose();
  }

  /** Sets a parameter to values that come in parts, whose arrays may be used again. */
  async fill(name: string, parts: AsyncIterable<Float32Array>): Promise<void> {
    const shape = [...this.#shapes.get(name)!];
    let offset = 0;
    if (!hasKernel('SrcodeCopyInto')) {
      const values = new Float32Array(tf.util.sizeFromShape(shape));
      for await (const part of parts) {
        values.set(part, offset);
        offset += part.length;
      }
      this.set(name, () => tf.tensor(values, shape));
      return;
    }
    const target = tf.fill(shape, 0);
    try {
      for await (const part of parts) {
        const x = tf.tensor1d(part);
        callKernel('SrcodeCopyInto', { target, x }, { offset });
        x.dispose();
        offset += part.length;
      }
      this.#parameters.set(name, tf.variable(target, true, `${name}#${this.#id}`));
    } finally {
      target.dispose();
    }
  }

  /** All parameters in checkpoint order. */
  finish(): Map<string, tf.Variable> {
    return new Map([...this.#shapes.keys()].map((name) => [name, this.#parameters.get(name)!]));
  }

  dispose(): void {
    for (const variable of this.#parameters.values()) variable.dispose();
  }
}
