import { ModelFileError } from './errors.js';
import type { ModelConfig } from './types.js';

function scalingNumber(scaling: Readonly<Record<string, unknown>>, key: string): number {
  const value = scaling[key];
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
    throw new ModelFileError({
      code: 'MODEL_CONFIG_INVALID',
      message: `config.json: rope_scaling.${key}: expected a positive number, got ${JSON.stringify(value)}.`,
      context: { key, value },
    });
  }
  return value;
}

/**
 * Rotary frequencies, [headDim / 2] radians per position: θ^(−2i/headDim), then the `linear` or `llama3` rule
 * of the configuration (as in transformers). Throws `ModelFileError` for any other rule.
 */
export function computeRopeFrequencies(config: ModelConfig): Float64Array {
  const half = config.headDim / 2;
  const frequencies = Float64Array.from({ length: half }, (_, i) => config.ropeTheta ** (-i / half));
  const scaling = config.ropeScaling;
  if (!scaling) return frequencies;
  const type = scaling.rope_type ?? scaling.type;
  if (type === 'linear') return frequencies.map((f) => f / scalingNumber(scaling, 'factor'));
  if (type === 'llama3') {
    const factor = scalingNumber(scaling, 'factor');
    const low = scalingNumber(scaling, 'low_freq_factor');
    const high = scalingNumber(scaling, 'high_freq_factor');
    const original = scalingNumber(scaling, 'original_max_position_embeddings');
    return frequencies.map((f) => {
      const wavelength = (2 * Math.PI) / f;
      if (wavelength < original / high) return f;
      if (wavelength > original / low) return f / factor;
      const smooth = (original / wavelength - low) / (high - low);
      return ((1 - smooth) * f) / factor + smooth * f;
    });
  }
  throw new ModelFileError({
    code: 'MODEL_CONFIG_UNSUPPORTED',
    message: `config.json: rope_scaling of type ${JSON.stringify(type)} is not supported; supported are "linear" and "llama3".`,
    context: { type },
  });
}

/** Cosines and sines of positions 0 … length−1, each [length, headDim / 2] row-major. */
export function computeRopeTables(
  config: ModelConfig,
  length: number,
): { readonly cos: Float32Array; readonly sin: Float32Array } {
  const frequencies = computeRopeFrequencies(config);
  const half = frequencies.length;
  const cos = new Float32Array(length * half);
  const sin = new Float32Array(length * half);
  for (let position = 0; position < length; position++) {
    for (let i = 0; i < half; i++) {
      const angle = position * frequencies[i]!;
      cos[position * half + i] = Math.cos(angle);
      sin[position * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}
