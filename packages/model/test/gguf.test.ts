import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { selectBackend } from '@srcode/backend';
import { InputError, Rng } from '@srcode/core';
import {
  createCausalLm,
  createLlamaConfig,
  createTokenBatch,
  type LlamaModel,
  loadGguf,
  loadTokenizer,
  type ModelConfig,
  tinySpecialTokens,
  trainBpe,
} from '@srcode/model';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dequantize } from '../src/gguf/dequantize.js';
import { NeedMoreBytes } from '../src/gguf/gguf-cursor.js';
import { restoreRotaryRows, toGgufName } from '../src/gguf/load-gguf.js';
import { parseGgufHeader } from '../src/gguf/parse-gguf-header.js';
import type { GgufTensorType } from '../src/gguf/tensor-types.js';

/** Writes the pieces of a GGUF file. */
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: number | bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const f32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
};
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
const metadata = {
  u32: (key: string, value: number) => Buffer.concat([text(key), u32(4), u32(value)]),
  f32: (key: string, value: number) => Buffer.concat([text(key), u32(6), f32(value)]),
  text: (key: string, value: string) => Buffer.concat([text(key), u32(8), text(value)]),
  texts: (key: string, values: readonly string[]) =>
    Buffer.concat([text(key), u32(9), u32(8), u64(values.length), ...values.map(text)]),
  ints: (key: string, values: readonly number[]) =>
    Buffer.concat([text(key), u32(9), u32(5), u64(values.length), ...values.map(u32)]),
};
interface FileTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: number;
  readonly data: Uint8Array;
  readonly offset?: number;
}
function ggufBytes(keys: readonly Buffer[], tensors: readonly FileTensor[]): Buffer {
  let offset = 0;
  const records: Buffer[] = [];
  const data: Buffer[] = [];
  for (const tensor of tensors) {
    const dims = [...tensor.shape].reverse();
    records.push(
      text(tensor.name),
      u32(dims.length),
      ...dims.map(u64),
      u32(tensor.type),
      u64(tensor.offset ?? offset),
    );
    const padded = Buffer.alloc(Math.ceil(tensor.data.length / 32) * 32);
    padded.set(tensor.data);
    data.push(padded);
    offset += padded.length;
  }
  const header = Buffer.concat([
    Buffer.from('GGUF'),
    u32(3),
    u64(tensors.length),
    u64(keys.length),
    ...keys,
    ...records,
  ]);
  const start = Buffer.alloc(Math.ceil(header.length / 32) * 32);
  header.copy(start);
  return Buffer.concat([start, ...data]);
}

const files = trainBpe(['int main(void) { return 0; }', 'int main(void) { return 1; }'], {
  vocabSize: 270,
  specialTokens: tinySpecialTokens,
  eosToken: '<|end|>',
});
const tokenizer = loadTokenizer(files.tokenizer, files.config);
const config = createLlamaConfig({
  vocabSize: tokenizer.vocabSize,
  hiddenSize: 32,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  intermediateSize: 64,
});

/** Rows in llama.cpp's order, from Hugging Face's: written from the definition, not from our loader. */
function interleaveRows(values: Float32Array, heads: number, headDim: number): Float32Array {
  const width = values.length / (heads * headDim);
  const out = new Float32Array(values.length);
  for (let h = 0; h < heads; h++)
    for (let i = 0; i < headDim / 2; i++)
      for (let half = 0; half < 2; half++)
        for (let c = 0; c < width; c++)
          out[(h * headDim + 2 * i + half) * width + c] =
            values[(h * headDim + half * (headDim / 2) + i) * width + c]!;
  return out;
}

/** A GGUF file of the model in float32. */
function modelAsGguf(
  model: LlamaModel,
  which: ModelConfig,
  edit: (keys: Map<string, Buffer>) => void = () => {},
): Buffer {
  const a = which.modelType;
  const { model: bpe } = files.tokenizer as { model: { vocab: Record<string, number>; merges: string[][] } };
  const tokens = Object.keys(bpe.vocab);
  const keys = new Map<string, Buffer>();
  const add = (key: string, bytes: Buffer) => keys.set(key, bytes);
  add('architecture', metadata.text('general.architecture', a));
  for (const [key, value] of [
    ['block_count', which.numHiddenLayers],
    ['context_length', which.maxPositionEmbeddings],
    ['embedding_length', which.hiddenSize],
    ['feed_forward_length', which.intermediateSize],
    ['attention.head_count', which.numAttentionHeads],
    ['attention.head_count_kv', which.numKeyValueHeads],
  ] as const)
    add(key, metadata.u32(`${a}.${key}`, value));
  add('eps', metadata.f32(`${a}.attention.layer_norm_rms_epsilon`, which.rmsNormEps));
  add('freq', metadata.f32(`${a}.rope.freq_base`, which.ropeTheta));
  add('model', metadata.text('tokenizer.ggml.model', 'gpt2'));
  add('pre', metadata.text('tokenizer.ggml.pre', 'smollm'));
  add('tokens', metadata.texts('tokenizer.ggml.tokens', tokens));
  add(
    'types',
    metadata.ints(
      'tokenizer.ggml.token_type',
      tokens.map((_, id) => (id < 4 ? 3 : 1)),
    ),
  );
  add(
    'merges',
    metadata.texts(
      'tokenizer.ggml.merges',
      bpe.merges.map((pair) => pair.join(' ')),
    ),
  );
  add('eos', metadata.u32('tokenizer.ggml.eos_token_id', 3));
  edit(keys);
  const tensors = [...model.parameters()].map(([name, variable]): FileTensor => {
    let values = variable.dataSync() as Float32Array;
    if (a === 'llama' && /[qk]_proj/.test(name))
      values = interleaveRows(
        values,
        /q_proj/.test(name) ? which.numAttentionHeads : which.numKeyValueHeads,
        which.headDim,
      );
    return {
      name: toGgufName(name),
      shape: variable.shape,
      type: 0,
      data: new Uint8Array(values.slice().buffer),
    };
  });
  return ggufBytes([...keys.values()], tensors);
}

const batch = createTokenBatch([tokenizer.encode('int main(void)'), tokenizer.encode('x')]);
function hiddenOf(model: LlamaModel): number[] {
  const hidden = model.hiddenStates(batch);
  const values = [...hidden.dataSync()];
  hidden.dispose();
  return values;
}

let root: string;
beforeAll(async () => {
  await selectBackend({ prefer: 'wasm' });
  root = await mkdtemp(join(tmpdir(), 'srcode-gguf-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('dequantize', () => {
  const golden = JSON.parse(
    readFileSync(new URL('./golden/gguf-blocks.json', import.meta.url), 'utf8'),
  ) as Record<string, { bytes: string; values: string }>;
  it.each(Object.keys(golden))('%s gives what llama.cpp gives', (type) => {
    const bytes = new Uint8Array(Buffer.from(golden[type]!.bytes, 'base64'));
    const want = new Float32Array(new Uint8Array(Buffer.from(golden[type]!.values, 'base64')).buffer);
    const got = dequantize(bytes, type as GgufTensorType);
    expect(got.length).toBe(want.length);
    got.forEach((value, i) => {
      expect(Math.abs(value - want[i]!)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(want[i]!)));
    });
  });
});

describe('loadGguf', () => {
  it.each([
    config,
    { ...config, modelType: 'qwen2' as const, attentionBias: true, tieWordEmbeddings: false },
  ])('gives the model and tokenizer that were written ($modelType)', async (which) => {
    const model = createCausalLm(which, { rng: Rng.fromSeed(1), initStd: 0.2 });
    for (const [name, variable] of model.parameters())
      if (name.endsWith('.bias')) tf.tidy(() => variable.assign(tf.randomNormal(variable.shape, 0, 0.1)));
    const path = join(root, `${which.modelType}.gguf`);
    await writeFile(path, modelAsGguf(model, which));
    const before = tf.memory().numTensors;
    const loaded = await loadGguf(path);
    expect(loaded.model.config).toMatchObject({
      ...which,
      rmsNormEps: expect.closeTo(1e-5, 9),
      eosTokenIds: [3],
    });
    const want = hiddenOf(model);
    hiddenOf(loaded.model).forEach((value, i) => {
      expect(Math.abs(value - want[i]!)).toBeLessThan(1e-5);
    });
    expect(loaded.tokenizer.decode(loaded.tokenizer.encode('int main'))).toBe('int main');
    expect(loaded.tokenizer.eosTokenId).toBe(3);
    loaded.model.dispose();
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });

  it('restores the rows that the converter interleaves', () => {
    const values = Float32Array.from({ length: 2 * 8 * 3 }, (_, i) => i);
    expect(restoreRotaryRows(interleaveRows(values, 2, 8), 2, 8)).toEqual(values);
  });

  it('refuses what it does not support, by name, and files that are cut short, and leaks nothing', async () => {
    const model = createCausalLm(config, { rng: Rng.fromSeed(1) });
    const before = tf.memory().numTensors;
    const path = join(root, 'broken.gguf');
    const refuse = async (message: RegExp, edit: (keys: Map<string, Buffer>) => void) => {
      await writeFile(path, modelAsGguf(model, config, edit));
      await expect(loadGguf(path)).rejects.toThrow(message);
    };
    await refuse(/got "mamba"/, (keys) =>
      keys.set('architecture', metadata.text('general.architecture', 'mamba')),
    );
    await refuse(/tokenizer\.ggml\.model.*got "llama"/, (keys) =>
      keys.set('model', metadata.text('tokenizer.ggml.model', 'llama')),
    );
    await refuse(/tokenizer\.ggml\.pre.*got "new-one"/, (keys) =>
      keys.set('pre', metadata.text('tokenizer.ggml.pre', 'new-one')),
    );
    await refuse(/blk\.2\.attn_norm\.weight is missing/, (keys) =>
      keys.set('block_count', metadata.u32('llama.block_count', 3)),
    );
    await refuse(/"llama\.embedding_length"/, (keys) => keys.delete('embedding_length'));
    await refuse(/rope\.scaling\.type.*got "yarn"/, (keys) =>
      keys.set('scaling', metadata.text('llama.rope.scaling.type', 'yarn')),
    );
    const whole = modelAsGguf(model, config);
    await writeFile(path, whole.subarray(0, whole.length / 2));
    await expect(loadGguf(path)).rejects.toMatchObject({ code: 'GGUF_INVALID', exitCode: 2 });
    await expect(loadGguf(join(root, 'absent.gguf'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });
});

describe('parseGgufHeader', () => {
  const parse = (bytes: Uint8Array) => parseGgufHeader(bytes, bytes.length, 'x.gguf');
  const start = (tensors: number | bigint, keys: number | bigint) =>
    Buffer.concat([Buffer.from('GGUF'), u32(3), u64(tensors), u64(keys)]);
  const tensor = (edit: Partial<FileTensor> = {}): FileTensor => ({
    name: 'w',
    shape: [4],
    type: 0,
    data: new Uint8Array(16),
    ...edit,
  });
  const cases: readonly [string, Buffer, RegExp][] = [
    ['another format', Buffer.from('GGML0000000000000000000000'), /magic/],
    ['an old version', Buffer.concat([Buffer.from('GGUF'), u32(1)]), /version 2 or 3/],
    ['2^63 tensors', start(1n << 63n, 0), /number of tensors: expected at most 65536/],
    ['2^63 keys', start(0, 1n << 63n), /number of metadata keys/],
    ['more keys than bytes', start(0, 60_000), /need at least/],
    [
      'a string of 2^63 bytes',
      Buffer.concat([start(0, 1), u64(1n << 63n), Buffer.alloc(64)]),
      /length of the string/,
    ],
    [
      'an array of 2^63 elements',
      Buffer.concat([start(0, 1), text('k'), u32(9), u32(4), u64(1n << 63n), Buffer.alloc(64)]),
      /length of the array "k"/,
    ],
    [
      'an array longer than the file',
      Buffer.concat([start(0, 1), text('k'), u32(9), u32(4), u64(1000), Buffer.alloc(64)]),
      /1000 elements of "k"/,
    ],
    [
      'arrays nested without end',
      Buffer.concat([
        start(0, 1),
        text('k'),
        u32(9),
        ...Array.from({ length: 20 }, () => Buffer.concat([u32(9), u64(1)])),
        Buffer.alloc(64),
      ]),
      /too deep/,
    ],
    [
      'an unknown value type',
      Buffer.concat([start(0, 1), text('k'), u32(77), Buffer.alloc(64)]),
      /unknown type 77/,
    ],
    ['a key twice', ggufBytes([metadata.u32('k', 1), metadata.u32('k', 2)], []), /"k" appears twice/],
    ['an alignment of zero', ggufBytes([metadata.u32('general.alignment', 0)], []), /general\.alignment/],
    ['a tensor type not supported', ggufBytes([], [tensor({ type: 10 })]), /type Q2_K; supported are F32/],
    ['rows that are no whole blocks', ggufBytes([], [tensor({ type: 2 })]), /multiple of Q4_0's 32/],
    ['overlapping tensors', ggufBytes([], [tensor(), tensor({ name: 'v', offset: 0 })]), /overlaps/],
    ['a tensor off the alignment', ggufBytes([], [tensor({ offset: 7 })]), /not aligned/],
    ['a tensor twice', ggufBytes([], [tensor(), tensor()]), /"w" appears twice/],
    ['a tensor beyond the end', ggufBytes([], [tensor({ shape: [1000] })]), /the file ends at/],
    ['a tensor of 2^60 values', ggufBytes([], [tensor({ shape: [2 ** 30, 2 ** 30] })]), /too large/],
    [
      'a tensor of 9 dimensions',
      ggufBytes([], [tensor({ shape: [1, 1, 1, 1, 1, 1, 1, 1, 1] })]),
      /9 dimensions/,
    ],
  ];
  it.each(cases)('refuses %s', (_name, bytes, message) => {
    expect(() => parse(bytes)).toThrow(message);
    expect(() => parse(bytes)).toThrow(InputError);
  });

  it('answers 10,000 damaged headers with a typed error or a valid table, never anything else', () => {
    const good = ggufBytes(
      [
        metadata.text('a', 'xy'),
        metadata.ints('b', [1, 2, 3]),
        metadata.texts('c', ['p', 'q']),
        metadata.f32('d', 1),
      ],
      [tensor(), tensor({ name: 'v', shape: [2, 32], type: 2, data: new Uint8Array(36) })],
    );
    expect(parse(good).tensors.size).toBe(2);
    const headerBytes = good.length - 96;
    const rng = Rng.fromSeed(12);
    let refused = 0;
    for (let i = 0; i < 10_000; i++) {
      const bytes = Buffer.from(
        good.subarray(0, rng.nextInt(4) === 0 ? rng.nextInt(good.length + 1) : good.length),
      );
      for (let edits = 1 + rng.nextInt(3); edits > 0 && bytes.length > 0; edits--)
        bytes[rng.nextInt(Math.min(headerBytes, bytes.length))] = rng.nextInt(2) ? rng.nextInt(256) : 255;
      try {
        for (const { offset, byteLength } of parse(bytes).tensors.values())
          expect(offset + byteLength).toBeLessThanOrEqual(bytes.length);
      } catch (error) {
        if (!InputError.isInstance(error)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(3000);
  });

  it('asks for more bytes when only the start of the file is at hand', () => {
    const whole = ggufBytes([metadata.texts('k', ['a', 'b'])], [tensor()]);
    expect(() => parseGgufHeader(whole.subarray(0, 30), whole.length, 'x')).toThrow(NeedMoreBytes);
  });
});
