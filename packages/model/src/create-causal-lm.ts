import type { Rng } from '@srcode/core';
import * as tf from '@tensorflow/tfjs-core';
import { LlamaModel } from './llama-model.js';
import { checkModelConfig } from './model-config.js';
import { listParameterShapes, ParameterBuilder } from './parameter-builder.js';
import type { ModelConfig } from './types.js';

export interface CreateCausalLmOptions {
  readonly rng: Rng;
  /** Standard deviation of the initial weights. Default 0.02 (GPT-2). */
  readonly initStd?: number;
}

/**
 * A new model with random weights: N(0, 0.02²), norms 1, biases 0; the two projections that write to the residual
 * stream are scaled by 1/√(2·layers) (GPT-2). Same configuration and seed, same weights. Caller disposes.
 */
export function createCausalLm(config: ModelConfig, options: CreateCausalLmOptions): LlamaModel {
  checkModelConfig(config);
  const std = options.initStd ?? 0.02;
  const residualScale = 1 / Math.sqrt(2 * config.numHiddenLayers);
  const builder = new ParameterBuilder(config);
  for (const name of listParameterShapes(config).keys()) {
    const rng = options.rng.fork('parameter', name);
    const scale = /\.(o_proj|down_proj)\.weight$/.test(name) ? std * residualScale : std;
    builder.set(name, (shape) => {
      if (name.endsWith('norm.weight')) return tf.ones(shape);
      if (name.endsWith('.bias')) return tf.zeros(shape);
      const length = shape.reduce((product, n) => product * n, 1);
      return tf.tensor(
        Float32Array.from({ length }, () => rng.nextNormal() * scale),
        shape,
      );
    });
  }
  return new LlamaModel(config, builder.finish());
}
