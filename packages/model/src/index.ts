export { type CreateCausalLmOptions, createCausalLm } from './create-causal-lm.js';
export { ModelFileError, TokenizerError } from './errors.js';
export { LlamaModel, listParameterShapes } from './llama-model.js';
export {
  type CreateLlamaConfigOptions,
  createLlamaConfig,
  formatModelConfig,
  parseModelConfig,
} from './model-config.js';
export { type CreateTokenBatchOptions, createTokenBatch } from './token-batch.js';
export type {
  CausalLm,
  GeneratedSequence,
  GenerateOptions,
  ModelConfig,
  TokenBatch,
  Tokenizer,
} from './types.js';
