import { join } from 'node:path';
import { writeFileAtomic } from '@srcode/core';
import type { ByteLevelTokenizer } from './load-tokenizer.js';
import { formatModelConfig } from './model-config.js';
import { writeSafetensors } from './safetensors/write-safetensors.js';
import type { CausalLm } from './types.js';

const asJson = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

/**
 * Writes a Hugging Face model directory that transformers, vLLM and `loadModel` load: `config.json`,
 * `model.safetensors` (float32), `tokenizer.json`, `tokenizer_config.json`. Each file is written whole or not at all.
 */
export async function saveModel(
  directory: string,
  contents: { readonly model: CausalLm; readonly tokenizer: Pick<ByteLevelTokenizer, 'files'> },
): Promise<void> {
  const { model, tokenizer } = contents;
  const tensors = [...model.parameters()].map(([name, variable]) => ({
    name,
    shape: variable.shape,
    read: async () => (await variable.data()) as Float32Array,
  }));
  await writeSafetensors(join(directory, 'model.safetensors'), tensors);
  await writeFileAtomic(join(directory, 'config.json'), asJson(formatModelConfig(model.config)));
  await writeFileAtomic(join(directory, 'tokenizer.json'), asJson(tokenizer.files.tokenizer));
  await writeFileAtomic(join(directory, 'tokenizer_config.json'), asJson(tokenizer.files.config));
}
