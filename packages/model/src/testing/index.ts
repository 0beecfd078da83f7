import { Rng } from '@srcode/core';
import { createCausalLm } from '../create-causal-lm.js';
import { tinyChatTemplate, tinySpecialTokens } from '../format-chat.js';
import type { LlamaModel } from '../llama-model.js';
import { type ByteLevelTokenizer, loadTokenizer } from '../load-tokenizer.js';
import { createLlamaConfig } from '../model-config.js';
import { trainBpe } from '../train-bpe.js';

/** A tokenizer of 256 bytes, the four special tokens of tiny models and up to `merges` merges learned from `texts`. */
export function createTestTokenizer(texts: readonly string[] = [], merges = 0): ByteLevelTokenizer {
  const files = trainBpe(texts, {
    vocabSize: tinySpecialTokens.length + 256 + merges,
    specialTokens: tinySpecialTokens,
    eosToken: '<|end|>',
    chatTemplate: tinyChatTemplate,
  });
  return loadTokenizer(files.tokenizer, files.config);
}

/** A random Llama of a few thousand parameters over `vocabSize` ids. Call after `selectBackend`; caller disposes. */
export function createTestModel(vocabSize: number, seed: number | string = 1): LlamaModel {
  const config = createLlamaConfig({
    vocabSize,
    hiddenSize: 16,
    numHiddenLayers: 2,
    numAttentionHeads: 4,
    numKeyValueHeads: 2,
    intermediateSize: 24,
    maxPositionEmbeddings: 256,
  });
  return createCausalLm(config, { rng: Rng.fromSeed(seed), initStd: 0.2 });
}
