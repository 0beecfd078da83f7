import { InputError, type Rng } from '@srcode/core';
import * as tf from '@tensorflow/tfjs-core';
import { LlamaModel } from '../llama-model.js';
import { listParameterShapes } from '../parameter-builder.js';
import type { ModelConfig } from '../types.js';
import {
  LoraAdapters,
  type LoraPair,
  type LoraSettings,
  type LoraTarget,
  loraTargets,
} from './lora-adapters.js';

export interface AttachLoraOptions {
  readonly rng: Rng;
  /** Default 16. */
  readonly rank?: number;
  /** Default: twice the rank. */
  readonly alpha?: number;
  /** Default 0. Acts only while gradients are computed. */
  readonly dropout?: number;
  /** Default: all seven linear layers of a block. */
  readonly targets?: readonly LoraTarget[];
  /** Default false. */
  readonly rankStabilized?: boolean;
}

let adapterCount = 0;

/** Names and [out, in] of the layers that `targets` selects, in checkpoint order. */
export function listTargetLayers(
  config: ModelConfig,
  targets: readonly LoraTarget[],
): Map<string, readonly [out: number, input: number]> {
  const layers = new Map<string, readonly [number, number]>();
  for (const [name, shape] of listParameterShapes(config)) {
    const layer = name.replace(/\.weight$/, '');
    if (targets.some((target) => layer.endsWith(`.${target}`)) && shape.length === 2)
      layers.set(layer, [shape[0]!, shape[1]!]);
  }
  return layers;
}

/** Adapters with the values that `take` gives for each factor; its tensors are disposed here. */
export function createAdapters(
  config: ModelConfig,
  settings: LoraSettings,
  rng: Rng,
  take: (layer: string, factor: 'A' | 'B', shape: [number, number]) => tf.Tensor,
): LoraAdapters {
  const id = adapterCount++;
  const pairs = new Map<string, LoraPair>();
  for (const [layer, [out, input]] of listTargetLayers(config, settings.targets)) {
    const make = (factor: 'A' | 'B', shape: [number, number]) => {
      const initial = take(layer, factor, shape);
      const variable = tf.variable(initial, true, `${layer}.lora_${factor}#${id}`);
      initial.dispose();
      return variable;
    };
    pairs.set(layer, { a: make('A', [settings.rank, input]), b: make('B', [out, settings.rank]) });
  }
  return new LoraAdapters(settings, pairs, rng);
}

function checkSettings(settings: LoraSettings): void {
  const { rank, alpha, dropout, targets } = settings;
  const problem =
    !Number.isInteger(rank) || rank < 1
      ? `rank: expected a positive integer, got ${rank}`
      : !(alpha > 0 && alpha < Infinity)
        ? `alpha: expected a positive number, got ${alpha}`
        : !(dropout >= 0 && dropout < 1)
          ? `dropout: expected a number in [0, 1), got ${dropout}`
          : targets.length === 0
            ? 'targets: expected at least one layer name'
            : targets.find((target) => !loraTargets.includes(target));
  if (problem === undefined) return;
  const message = problem.includes(':')
    ? problem
    : `targets: expected ${loraTargets.join(', ')}, got ${problem}`;
  throw new InputError({ code: 'LORA_OPTION', message: `attachLora: ${message}.` });
}

/**
 * Gives the model low-rank adapters that change nothing yet (b = 0, a ~ U(±1/√in), as PEFT) and returns them. From then
 * on `trainableParameters()` are the adapters alone, and no gradient is formed for the frozen weights. They are
 * disposed by `detachLora` or with the model. Throws `InputError` on bad options or when adapters are attached already.
 */
export function attachLora(model: LlamaModel, options: AttachLoraOptions): LoraAdapters {
  const rank = options.rank ?? 16;
  const settings: LoraSettings = {
    rank,
    alpha: options.alpha ?? 2 * rank,
    dropout: options.dropout ?? 0,
    targets: options.targets ?? loraTargets,
    rankStabilized: options.rankStabilized ?? false,
  };
  checkSettings(settings);
  const adapters = createAdapters(
    model.config,
    settings,
    options.rng.fork('dropout'),
    (layer, factor, shape) => {
      if (factor === 'B') return tf.zeros(shape);
      const rng = options.rng.fork('adapter', layer);
      const bound = 1 / Math.sqrt(shape[1]);
      return tf.tensor2d(
        Float32Array.from({ length: shape[0] * shape[1] }, () => (2 * rng.nextFloat() - 1) * bound),
        shape,
      );
    },
  );
  try {
    model.setAdapters(adapters);
  } catch (error) {
    adapters.dispose();
    throw error;
  }
  return adapters;
}

/** The model's low-rank adapters, or undefined when it has none. */
export function loraOf(model: LlamaModel): LoraAdapters | undefined {
  return model.adapters instanceof LoraAdapters ? model.adapters : undefined;
}

/** Takes the adapters off and disposes them; the model is again what it was. */
export function detachLora(model: LlamaModel): void {
  const { adapters } = model;
  model.setAdapters(undefined);
  adapters?.dispose();
}

/**
 * The model without its adapters, sharing its weights: the reference policy at no cost in memory. Valid as long as the
 * model lives; disposing the view frees nothing.
 */
export function withoutLora(model: LlamaModel): LlamaModel {
  return new LlamaModel(model.config, model.parameters(), { ownsParameters: false });
}

/** Weights of the adapted layers with their updates added, W + scale·b·a, by parameter name. Caller disposes. */
function computeMergedWeights(model: LlamaModel): Map<string, tf.Tensor> {
  const adapters = loraOf(model);
  if (!adapters) return new Map();
  return new Map(
    [...adapters.pairs].map(([layer, { a, b }]) => {
      const name = `${layer}.weight`;
      const merged = tf.tidy(() => {
        const update = tf.matMul(b as unknown as tf.Tensor2D, a as unknown as tf.Tensor2D);
        return tf.add(model.parameters().get(name)!, tf.mul(update, adapters.scale));
      });
      return [name, merged];
    }),
  );
}

/**
 * Runs `use` on a copy of the model whose adapters are merged into its weights, so that sampling pays nothing for them;
 * the copy (of the adapted weights only) is freed afterwards. The model itself is not touched: no rounding adds up.
 */
export async function withMergedLora<R>(
  model: LlamaModel,
  use: (merged: LlamaModel) => Promise<R>,
): Promise<R> {
  const merged = new Map<string, tf.Variable>();
  for (const [name, weight] of computeMergedWeights(model)) {
    merged.set(name, tf.variable(weight, false, `${name}#merged-${adapterCount++}`));
    weight.dispose();
  }
  const parameters = new Map([...model.parameters()].map(([name, own]) => [name, merged.get(name) ?? own]));
  try {
    return await use(new LlamaModel(model.config, parameters, { ownsParameters: false }));
  } finally {
    for (const variable of merged.values()) variable.dispose();
  }
}

/** Adds the adapters to the weights for good and detaches them, for export. */
export function mergeLora(model: LlamaModel): void {
  for (const [name, weight] of computeMergedWeights(model)) {
    model.parameters().get(name)!.assign(weight);
    weight.dispose();
  }
  detachLora(model);
}
