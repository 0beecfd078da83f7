export { type CreateCausalLmOptions, createCausalLm } from './create-causal-lm.js';
export { ModelFileError, TokenizerError } from './errors.js';
export {
  type ChatMessage,
  type FormatChatOptions,
  formatChat,
  tinyChatTemplate,
  tinySpecialTokens,
} from './format-chat.js';
export { generate, streamGenerate, type TokenEvent } from './generate.js';
export { loadGguf } from './gguf/load-gguf.js';
export { LlamaModel } from './llama-model.js';
export { type LoadedModel, loadModel } from './load-model.js';
export { ByteLevelTokenizer, loadTokenizer } from './load-tokenizer.js';
export {
  type AttachLoraOptions,
  attachLora,
  detachLora,
  mergeLora,
  withMergedLora,
  withoutLora,
} from './lora/attach-lora.js';
export {
  LoraAdapters,
  type LoraPair,
  type LoraSettings,
  type LoraTarget,
  loraTargets,
} from './lora/lora-adapters.js';
export { loadAdapter, saveAdapter } from './lora/peft-files.js';
export {
  type CreateLlamaConfigOptions,
  createLlamaConfig,
  formatModelConfig,
  parseModelConfig,
} from './model-config.js';
export { listParameterShapes } from './parameter-builder.js';
export { SafetensorsFile } from './safetensors/read-safetensors.js';
export { type WritableTensor, writeSafetensors } from './safetensors/write-safetensors.js';
export { saveModel } from './save-model.js';
export { type CreateTokenBatchOptions, createTokenBatch } from './token-batch.js';
export type { TokenizerFiles } from './tokenizer-files.js';
export { type TrainBpeOptions, trainBpe } from './train-bpe.js';
export type {
  CausalLm,
  DecodingSession,
  GeneratedSequence,
  GenerateOptions,
  ModelConfig,
  TokenBatch,
  Tokenizer,
} from './types.js';
