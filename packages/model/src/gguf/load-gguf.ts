import { ModelFileError } from '../errors.js';
import { LlamaModel } from '../llama-model.js';
import { checkParts, checkTokenizerFits, type LoadedModel } from '../load-model.js';
import { listParameterShapes, ParameterBuilder } from '../parameter-builder.js';
import { ReadScratch } from '../read-exactly.js';
import type { ModelConfig } from '../types.js';
import { GgufFile } from './gguf-file.js';
import type { GgufHeader } from './parse-gguf-header.js';
import { readGgufConfig } from './read-gguf-config.js';
import { readGgufTokenizer } from './read-gguf-tokenizer.js';

const layerNames: readonly (readonly [huggingFace: string, gguf: string])[] = [
  ['input_layernorm', 'attn_norm'],
  ['post_attention_layernorm', 'ffn_norm'],
  ['self_attn.q_proj', 'attn_q'],
  ['self_attn.k_proj', 'attn_k'],
  ['self_attn.v_proj', 'attn_v'],
  ['self_attn.o_proj', 'attn_output'],
  ['mlp.gate_proj', 'ffn_gate'],
  ['mlp.up_proj', 'ffn_up'],
  ['mlp.down_proj', 'ffn_down'],
];

/** The name in a GGUF file of a parameter named as in Hugging Face checkpoints. */
export function toGgufName(name: string): string {
  if (name === 'model.embed_tokens.weight') return 'token_embd.weight';
  if (name === 'model.norm.weight') return 'output_norm.weight';
  if (name === 'lm_head.weight') return 'output.weight';
  const [, layer, rest] = /^model\.layers\.(\d+)\.(.*)$/.exec(name)!;
  const [own, suffix] = [rest!.slice(0, rest!.lastIndexOf('.')), rest!.slice(rest!.lastIndexOf('.'))];
  return `blk.${layer}.${layerNames.find(([huggingFace]) => huggingFace === own)![1]}${suffix}`;
}

/**
 * Puts the rows of a query or key projection back in Hugging Face's order. llama.cpp rotates neighbouring pairs, so its
 * converter interleaves the two halves of every head: row 2i + p of a head here is row p·d/2 + i there.
 */
export function restoreRotaryRows(
  values: Float32Array,
  heads: number,
  headDim: number,
  out: Float32Array = new Float32Array(values.length),
): Float32Array {
  const width = values.length / (heads * headDim);
  for (let head = 0; head < heads; head++) {
    for (let row = 0; row < headDim; row++) {
      const from = (head * headDim + row) * width;
      const to = head * headDim + (row & 1) * (headDim / 2) + (row >> 1);
      out.set(values.subarray(from, from + width), to * width);
    }
  }
  return out;
}

function checkNames(header: GgufHeader, config: ModelConfig, path: string): void {
  const wanted = new Map([...listParameterShapes(config)].map(([name, shape]) => [toGgufName(name), shape]));
  const missing = [...wanted.keys()].find((name) => !header.tensors.has(name));
  const unknown = [...header.tensors.keys()].find((name) => !wanted.has(name));
  const wrong = [...wanted].find(([name, shape]) => header.tensors.get(name)?.shape.join() !== shape.join());
  if (missing === undefined && unknown === undefined && !wrong) return;
  const problem =
    missing !== undefined
      ? `tensor ${missing} is missing`
      : unknown !== undefined
        ? `tensor ${unknown} is not part of a ${config.modelType} model`
        : `${wrong![0]} has shape [${header.tensors.get(wrong![0])!.shape}], expected [${wrong![1]}]`;
  throw new ModelFileError({
    code: 'MODEL_WEIGHTS_MISMATCH',
    message: `${path}: the weights do not fit the metadata: ${problem}.`,
    context: { path, missing, unknown },
  });
}

/**
 * The model and tokenizer of a GGUF file of the Llama or Qwen2 family: F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1,
 * Q4_K, Q5_K, Q6_K, dequantised to float32 one tensor at a time.
 *
 * Throws `ModelFileError` or `TokenizerError` that names what is damaged or not supported. Caller disposes the model.
 */
export async function loadGguf(path: string): Promise<LoadedModel> {
  const file = await GgufFile.open(path);
  let builder: ParameterBuilder | undefined;
  try {
    const config = readGgufConfig(file.header, path);
    checkNames(file.header, config, path);
    const tokenizer = readGgufTokenizer(file.header, path);
    checkTokenizerFits(tokenizer, config, path);
    builder = new ParameterBuilder(config);
    const scratch = new ReadScratch();
    for (const name of listParameterShapes(config).keys()) {
      await builder.fill(name, checkParts(readParameter(file, name, config, scratch), name, path));
    }
    return { model: new LlamaModel(config, builder.finish()), tokenizer };
  } catch (error) {
    builder?.dispose();
    throw error;
  } finally {
    await file.close();
  }
}

async function* readParameter(
  file: GgufFile,
  name: string,
  config: ModelConfig,
  scratch: ReadScratch,
): AsyncGenerator<Float32Array> {
  const isRotary = config.modelType === 'llama' && /\.[qk]_proj\./.test(name);
  const shape = file.header.tensors.get(toGgufName(name))!.shape;
  // whole heads, of a bias too, or rows
  const unit = isRotary ? (shape.length > 1 ? shape.at(-1)! : 1) * config.headDim : shape.at(-1)!;
  for await (const part of file.readParts(toGgufName(name), unit)) {
    if (!isRotary) {
      yield part;
      continue;
    }
    const { values } = scratch.get(0, part.length);
    yield restoreRotaryRows(part, part.length / unit, config.headDim, values.subarray(0, part.length));
  }
}
