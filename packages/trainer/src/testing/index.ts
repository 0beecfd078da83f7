import { Rng } from '@srcode/core';
import {
  type CausalLm,
  createCausalLm,
  createLlamaConfig,
  type GeneratedSequence,
  type GenerateOptions,
  type Tokenizer,
} from '@srcode/model';
import * as tf from '@tensorflow/tfjs-core';
import type { Checkpoint, CheckpointStore } from '../checkpoint/checkpoint.js';
import { decodeCheckpoint, encodeCheckpoint } from '../checkpoint/encode-checkpoint.js';
import type { GenerateFunction } from '../rollouts/rollout.js';

/** A Llama of a few thousand parameters, for tests. Caller disposes. */
export function createToyModel(seed: number, vocabSize = 12): CausalLm {
  const config = createLlamaConfig({
    vocabSize,
    hiddenSize: 16,
    intermediateSize: 32,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    maxPositionEmbeddings: 64,
    eosTokenIds: [1],
    padTokenId: 0,
  });
  return createCausalLm(config, { rng: Rng.fromSeed(seed), initStd: 0.2 });
}

/** One letter per token: id 0 pads, id 1 ends, id n ≥ 2 is the letter number n − 2. */
export function createLetterTokenizer(vocabSize = 12): Tokenizer {
  const letter = (id: number): string => (id < 2 ? '' : String.fromCharCode(97 + id - 2));
  return {
    vocabSize,
    eosTokenId: 1,
    bosTokenId: null,
    padTokenId: 0,
    encode: (text) => Int32Array.from(text, (char) => char.charCodeAt(0) - 97 + 2),
    decode: (ids) => Array.from(ids, letter).join(''),
    decodeWithOffsets: (ids) => {
      const offsets: [number, number][] = [];
      let text = '';
      for (const id of Array.from(ids)) {
        offsets.push([text.length, text.length + letter(id).length]);
        text += letter(id);
      }
      return { text, offsets };
    },
  };
}

/** Samples by a full forward pass per token: slow, and obviously right. */
export function createSlowGenerate(model: CausalLm): GenerateFunction {
  return async (prompts, options) => {
    const sequences: GeneratedSequence[] = [];
    for (const [index, prompt] of prompts.entries())
      sequences.push(await sampleOne(model, prompt, options, options.rng.fork('row', index)));
    return sequences;
  };
}

async function sampleOne(
  model: CausalLm,
  prompt: Int32Array,
  options: GenerateOptions,
  rng: Rng,
): Promise<GeneratedSequence> {
  const ids = [...prompt];
  const logProbs: number[] = [];
  for (let t = 0; t < options.maxNewTokens; t++) {
    const length = ids.length;
    const distribution = tf.tidy(() => {
      const mask = new Int32Array(length).fill(1);
      const hidden = model.hiddenStates({ ids: Int32Array.from(ids), mask, batchSize: 1, length });
      const last = tf.slice(tf.reshape(hidden, [length, -1]), [length - 1, 0], [1, -1]) as tf.Tensor2D;
      return tf.logSoftmax(model.logits(last)).dataSync();
    });
    let rest = rng.nextFloat();
    let id = 0;
    while (id < distribution.length - 1 && rest >= Math.exp(distribution[id]!)) {
      rest -= Math.exp(distribution[id]!);
      id++;
    }
    ids.push(id);
    logProbs.push(distribution[id]!);
    if (options.stopTokenIds?.includes(id)) break;
  }
  const tokenIds = Int32Array.from(ids.slice(prompt.length));
  const stopped = options.stopTokenIds?.includes(tokenIds.at(-1)!) ?? false;
  return { tokenIds, logProbs: Float32Array.from(logProbs), finishReason: stopped ? 'stop' : 'length' };
}

/** Checkpoints in memory, through their bytes; `saved` holds all of them, oldest first. */
export function createMemoryCheckpointStore(): CheckpointStore & { readonly saved: Uint8Array[] } {
  const saved: Uint8Array[] = [];
  return {
    saved,
    async save(checkpoint: Checkpoint) {
      saved.push(encodeCheckpoint(checkpoint));
    },
    async loadLatest() {
      const last = saved.at(-1);
      return { checkpoint: last === undefined ? null : decodeCheckpoint(last, 'memory'), skipped: [] };
    },
  };
}

/** Bytes of all parameters, by name in order: equal bytes, equal model. */
export async function readParameterBytes(model: CausalLm): Promise<string> {
  const parts: Buffer[] = [];
  for (const [name, variable] of [...model.parameters()].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const data = (await variable.data()) as Float32Array;
    parts.push(Buffer.from(name), Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  }
  return Buffer.concat(parts).toString('base64');
}
