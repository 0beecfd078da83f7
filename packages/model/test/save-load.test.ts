import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { selectBackend } from '@srcode/backend';
import { InputError, Rng } from '@srcode/core';
import {
  createCausalLm,
  createLlamaConfig,
  createTokenBatch,
  type LlamaModel,
  loadModel,
  loadTokenizer,
  SafetensorsFile,
  saveModel,
  tinyChatTemplate,
  tinySpecialTokens,
  trainBpe,
  writeSafetensors,
} from '@srcode/model';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeBfloat16, decodeFloat16 } from '../src/float-formats.js';
import { parseHeaderLength, parseSafetensorsHeader } from '../src/safetensors/parse-header.js';

const files = trainBpe(['int main(void) { return 0; }', 'int main(void) { return 1; }'], {
  vocabSize: 270,
  specialTokens: tinySpecialTokens,
  eosToken: '<|end|>',
  chatTemplate: tinyChatTemplate,
});
const tokenizer = loadTokenizer(files.tokenizer, files.config);
const config = createLlamaConfig({
  vocabSize: tokenizer.vocabSize,
  hiddenSize: 16,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  numKeyValueHeads: 1,
  intermediateSize: 24,
  eosTokenIds: [tokenizer.eosTokenId],
  padTokenId: tokenizer.padTokenId,
});

let root: string;
let count = 0;
let model: LlamaModel;
const batch = createTokenBatch([tokenizer.encode('int main(void)')]);

function hiddenOf(one: LlamaModel): number[] {
  const hidden = one.hiddenStates(batch);
  const values = [...hidden.dataSync()];
  hidden.dispose();
  return values;
}

async function savedDirectory(): Promise<string> {
  const directory = join(root, `model-${count++}`);
  await saveModel(directory, { model, tokenizer });
  return directory;
}

async function editJson(path: string, edit: (json: Record<string, unknown>) => void): Promise<void> {
  const json = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  edit(json);
  await writeFile(path, JSON.stringify(json));
}

/** Lays out a safetensors file by hand. */
function safetensorsBytes(header: unknown, data: Uint8Array): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

beforeAll(async () => {
  await selectBackend({ prefer: 'wasm' });
  root = await mkdtemp(join(tmpdir(), 'srcode-model-'));
  model = createCausalLm(config, { rng: Rng.fromSeed(1) });
});
afterAll(async () => {
  model.dispose();
  await rm(root, { recursive: true, force: true });
});

describe('saveModel and loadModel', () => {
  it('give the same model and tokenizer back, and leave nothing when disposed', async () => {
    const directory = await savedDirectory();
    const before = tf.memory().numTensors;
    const loaded = await loadModel(directory);
    expect(loaded.model.config).toEqual(config);
    expect(hiddenOf(loaded.model)).toEqual(hiddenOf(model));
    expect(loaded.tokenizer.encode('int main')).toEqual(tokenizer.encode('int main'));
    expect(loaded.tokenizer.formatChat([{ role: 'user', content: 'x' }])).toBe(
      '<|user|>x<|end|><|assistant|>',
    );
    loaded.model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('reads sharded bfloat16 weights', async () => {
    const directory = await savedDirectory();
    const whole = await SafetensorsFile.open(join(directory, 'model.safetensors'));
    const map: Record<string, string> = {};
    const shards: Record<string, [Record<string, unknown>, Buffer[], number]> = {};
    let i = 0;
    for (const [name, entry] of whole.entries) {
      const file = `model-0000${(i++ % 2) + 1}-of-00002.safetensors`;
      map[name] = file;
      const values = await whole.readTensor(name);
      const bits = Buffer.from(Uint16Array.from(new Uint32Array(values.buffer), (w) => w >>> 16).buffer);
      shards[file] ??= [{}, [], 0];
      const shard = shards[file];
      shard[0][name] = {
        dtype: 'BF16',
        shape: entry.shape,
        data_offsets: [shard[2], shard[2] + bits.length],
      };
      shard[1].push(bits);
      shard[2] += bits.length;
    }
    await whole.close();
    await rm(join(directory, 'model.safetensors'));
    for (const [file, [header, parts]] of Object.entries(shards))
      await writeFile(join(directory, file), safetensorsBytes(header, Buffer.concat(parts)));
    await writeFile(join(directory, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
    const loaded = await loadModel(directory);
    const difference = hiddenOf(loaded.model).map((x, j) => Math.abs(x - hiddenOf(model)[j]!));
    loaded.model.dispose();
    expect(Math.max(...difference)).toBeGreaterThan(0);
    expect(Math.max(...difference)).toBeLessThan(0.05);
  });

  it('says what is wrong with a broken directory, and leaks nothing', async () => {
    const before = tf.memory().numTensors;
    const refuse = async (message: RegExp, damage: (directory: string) => Promise<void>) => {
      const directory = await savedDirectory();
      await damage(directory);
      const failed = loadModel(directory);
      await expect(failed).rejects.toThrow(message);
      await expect(failed).rejects.toMatchObject({ exitCode: 2 });
    };
    await refuse(/model\.safetensors: .*damaged or incomplete/, async (d) => {
      const path = join(d, 'model.safetensors');
      await truncate(path, Math.floor((await readFile(path)).length / 2));
    });
    await refuse(/tokenizer has 300 ids, the model only 2\d\d/, async (d) => {
      await editJson(join(d, 'tokenizer.json'), (json) => {
        (json.added_tokens as unknown[]).push({ id: 299, content: '<|extra|>', special: true });
      });
    });
    await refuse(/9 tensors are missing, first model\.layers\.2/, async (d) => {
      await editJson(join(d, 'config.json'), (json) => {
        json.num_hidden_layers = 3;
      });
    });
    await refuse(/embed_tokens.weight has shape/, async (d) => {
      await editJson(join(d, 'config.json'), (json) => {
        json.vocab_size = 999;
      });
    });
    await refuse(/model_type: expected "llama" or "qwen2", got "gpt2"/, async (d) => {
      await editJson(join(d, 'config.json'), (json) => {
        json.model_type = 'gpt2';
      });
    });
    await refuse(/config\.json: expected JSON/, async (d) => truncate(join(d, 'config.json'), 20));
    await refuse(/tokenizer\.json/, async (d) => rm(join(d, 'tokenizer.json')));
    await refuse(/model\.norm\.weight holds NaN at index 3/, async (d) => {
      const path = join(d, 'model.safetensors');
      const file = await SafetensorsFile.open(path);
      const { offset } = file.entries.get('model.norm.weight')!;
      await file.close();
      const bytes = await readFile(path);
      bytes.writeFloatLE(Number.NaN, offset + 12);
      await writeFile(path, bytes);
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('safetensors', () => {
  it('round-trips any tensors', async () => {
    const tensor = fc.record({
      name: fc.string({ minLength: 1 }).filter((name) => name !== '__metadata__'),
      shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(tensor, { selector: (t) => t.name, maxLength: 5 }), async (tensors) => {
        const path = join(root, `round-trip-${count++}.safetensors`);
        const data = new Map(
          tensors.map(({ name, shape }) => [
            name,
            new Float32Array(shape.reduce((p, n) => p * n, 1)).fill(name.length),
          ]),
        );
        await writeSafetensors(
          path,
          tensors.map(({ name, shape }) => ({ name, shape, read: async () => data.get(name)! })),
        );
        const file = await SafetensorsFile.open(path);
        expect(new Set(file.entries.keys())).toEqual(new Set(data.keys()));
        for (const { name, shape } of tensors) {
          expect(file.entries.get(name)!.shape).toEqual(shape);
          expect(await file.readTensor(name)).toEqual(data.get(name));
        }
        await file.close();
      }),
      { numRuns: 30 },
    );
  });

  it('reads tensors of more than one part, of each type, one after the other', async () => {
    const size = 600_001;
    const path = join(root, `parts-${count++}.safetensors`);
    const value = (i: number) => (i % 251) - 125;
    const floats = Float32Array.from({ length: size }, (_, i) => value(i));
    // small whole numbers are exact in bfloat16: the upper halves of their float32 bits
    const heads = Uint16Array.from(new Uint32Array(floats.buffer), (bits) => bits >>> 16);
    const halves = Uint16Array.from({ length: size }, (_, i) => (i % 2 ? 0x3c00 : 0xc000));
    const ends = [4 * size, 6 * size, 8 * size];
    const header = JSON.stringify({
      a: { dtype: 'F32', shape: [size], data_offsets: [0, ends[0]] },
      b: { dtype: 'BF16', shape: [size], data_offsets: [ends[0], ends[1]] },
      c: { dtype: 'F16', shape: [size], data_offsets: [ends[1], ends[2]] },
    });
    const data = Buffer.concat([floats, heads, halves].map(({ buffer }) => Buffer.from(buffer)));
    await writeFile(path, safetensorsBytes(header, data));
    const file = await SafetensorsFile.open(path);
    expect((await file.readTensor('a')).every((x, i) => x === value(i))).toBe(true);
    expect((await file.readTensor('c')).every((x, i) => x === (i % 2 ? 1 : -2))).toBe(true);
    expect((await file.readTensor('b')).every((x, i) => x === value(i))).toBe(true);
    await file.close();
  });

  const open = async (bytes: Uint8Array) => {
    const path = join(root, `hostile-${count++}.safetensors`);
    await writeFile(path, bytes);
    const file = await SafetensorsFile.open(path);
    await file.close();
  };
  const entry = (shape: unknown, offsets: unknown, dtype: unknown = 'F32') => ({
    dtype,
    shape,
    data_offsets: offsets,
  });
  const cases: readonly [string, Buffer, RegExp][] = [
    ['an empty file', Buffer.alloc(0), /at least 8 bytes/],
    ['a header length of 2^63', Buffer.from('0000000000000080', 'hex'), /claims 9223372036854775808/],
    [
      'a header longer than the file',
      Buffer.from('ff00000000000000', 'hex'),
      /claims 255 bytes, the file has 0/,
    ],
    ['a header that is not JSON', safetensorsBytes('{"a":', Buffer.alloc(0)), /not JSON/],
    ['a header that is a list', safetensorsBytes([], Buffer.alloc(0)), /not a JSON object/],
    [
      'overlapping tensors',
      safetensorsBytes({ a: entry([2], [0, 8]), b: entry([2], [4, 12]) }, Buffer.alloc(12)),
      /overlap/,
    ],
    ['a hole', safetensorsBytes({ a: entry([1], [0, 4]), b: entry([1], [8, 12]) }, Buffer.alloc(12)), /hole/],
    ['data cut short', safetensorsBytes({ a: entry([4], [0, 16]) }, Buffer.alloc(12)), /up to byte/],
    ['data left over', safetensorsBytes({ a: entry([1], [0, 4]) }, Buffer.alloc(12)), /up to byte/],
    [
      'a size that overflows',
      safetensorsBytes({ a: entry([2 ** 40, 2 ** 40], [0, 8]) }, Buffer.alloc(8)),
      /needs/,
    ],
    ['a negative size', safetensorsBytes({ a: entry([-1], [0, 4]) }, Buffer.alloc(4)), /shape/],
    ['offsets the wrong way round', safetensorsBytes({ a: entry([1], [4, 0]) }, Buffer.alloc(4)), /offsets/],
    [
      'a size that does not fit the shape',
      safetensorsBytes({ a: entry([3], [0, 8]) }, Buffer.alloc(8)),
      /needs 12 bytes/,
    ],
    [
      'an unsupported type',
      safetensorsBytes({ a: entry([1], [0, 8], 'I64') }, Buffer.alloc(8)),
      /"I64"; supported/,
    ],
    [
      'a type of the prototype',
      safetensorsBytes({ a: entry([1], [0, 8], 'toString') }, Buffer.alloc(8)),
      /supported/,
    ],
  ];
  it.each(cases)('refuses %s', async (_name, bytes, message) => {
    await expect(open(bytes)).rejects.toThrow(message);
    await expect(open(bytes)).rejects.toBeInstanceOf(InputError);
  });

  it('answers 10,000 damaged headers with a typed error or a valid table, never anything else', () => {
    const good = safetensorsBytes(
      { __metadata__: { format: 'pt' }, w: entry([2, 3], [0, 24]), b: entry([3], [24, 30], 'F16') },
      Buffer.alloc(30),
    );
    const rng = Rng.fromSeed(11);
    let refused = 0;
    for (let i = 0; i < 10_000; i++) {
      const bytes = Buffer.from(
        good.subarray(0, rng.nextInt(3) === 0 ? rng.nextInt(good.length + 1) : good.length),
      );
      for (let edits = 1 + rng.nextInt(3); edits > 0 && bytes.length > 0; edits--)
        bytes[rng.nextInt(rng.nextInt(2) ? Math.min(12, bytes.length) : bytes.length)] = rng.nextInt(256);
      try {
        const length = parseHeaderLength(bytes.subarray(0, 8), bytes.length, 'x');
        const entries = parseSafetensorsHeader(bytes.subarray(8, 8 + length), bytes.length, 'x');
        for (const { offset, byteLength } of entries.values())
          expect(offset + byteLength).toBeLessThanOrEqual(bytes.length);
      } catch (error) {
        if (!InputError.isInstance(error)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(5000);
  });
});

describe('float formats', () => {
  it('decode halves as defined', () => {
    const half = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00, 0x8000);
    expect([...decodeFloat16(half)]).toEqual([1, -2, 2 ** -24, 65504, Infinity, -0]);
    expect([...decodeBfloat16(Uint16Array.of(0x3f80, 0xc000, 0x7f80))]).toEqual([1, -2, Infinity]);
  });
});
