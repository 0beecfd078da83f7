import { z } from 'zod';
import { TokenizerError } from '../errors.js';
import { type ByteLevelTokenizer, loadTokenizer } from '../load-tokenizer.js';
import type { GgufHeader } from './parse-gguf-header.js';
import { GgufMetadata } from './read-gguf-config.js';

/** Kinds of tokens in `tokenizer.ggml.token_type` that are matched in text before merging. */
const controlToken = 3;
const userDefinedToken = 4;

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true };
const gpt2Split = { ...byteLevel, use_regex: true };
const splitBy = (pattern: string) => ({
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
    { ...byteLevel, use_regex: false },
  ],
});
const llama3Pattern = (digits: string) =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

/** How text is cut before merging, by the name that `tokenizer.ggml.pre` gives it: as in the models' tokenizer.json. */
const preTokenizers: Readonly<Record<string, unknown>> = {
  'gpt-2': gpt2Split,
  // published as Digits(individual), which the JavaScript library takes for ASCII digits only; it means \p{N}
  smollm: {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', pattern: { Regex: '\\p{N}' }, behavior: 'Isolated', invert: false },
      gpt2Split,
    ],
  },
  'llama-bpe': splitBy(llama3Pattern('\\p{N}{1,3}')),
  llama3: splitBy(llama3Pattern('\\p{N}{1,3}')),
  qwen2: splitBy(llama3Pattern('\\p{N}')),
};

function refuse(path: string, key: string, got: unknown, expected: string): never {
  throw new TokenizerError({
    code: 'TOKENIZER_UNSUPPORTED',
    message: `${path}: ${key}: expected ${expected}, got ${JSON.stringify(got)}. Use the model's Hugging Face directory instead.`,
    context: { path, key, got },
  });
}

/** The tokenizer stored in a GGUF file, as Hugging Face files. Throws `TokenizerError` for what is not byte-level BPE. */
export function readGgufTokenizer(header: GgufHeader, path: string): ByteLevelTokenizer {
  const metadata = new GgufMetadata(header, path);
  const model = metadata.read('tokenizer.ggml.model', z.string());
  if (model !== 'gpt2') refuse(path, 'tokenizer.ggml.model', model, '"gpt2" (byte-level BPE)');
  const pre = metadata.read('tokenizer.ggml.pre', z.string().optional()) ?? 'gpt-2';
  if (!Object.hasOwn(preTokenizers, pre))
    refuse(path, 'tokenizer.ggml.pre', pre, `one of ${Object.keys(preTokenizers).join(', ')}`);
  const tokens = metadata.read('tokenizer.ggml.tokens', z.array(z.string()).min(1));
  const types = metadata.read('tokenizer.ggml.token_type', z.array(z.number()).optional()) ?? [];
  const merges = metadata.read('tokenizer.ggml.merges', z.array(z.string()));
  const textOf = (key: string) => {
    const id = metadata.read(`tokenizer.ggml.${key}`, z.number().int().nonnegative().optional());
    if (id === undefined) return undefined;
    return tokens[id] ?? refuse(path, `tokenizer.ggml.${key}`, id, `an id below ${tokens.length}`);
  };
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const added = tokens.flatMap((content, id) => {
    const special = types[id] === controlToken;
    return special || types[id] === userDefinedToken ? [{ id, content, special, normalized: false }] : [];
  });
  return loadTokenizer(
    {
      version: '1.0',
      added_tokens: added,
      normalizer: pre === 'qwen2' ? { type: 'NFC' } : null,
      pre_tokenizer: preTokenizers[pre],
      post_processor: null,
      decoder: byteLevel,
      model: { type: 'BPE', unk_token: null, byte_fallback: false, vocab, merges },
    },
    {
      clean_up_tokenization_spaces: false,
      bos_token: textOf('bos_token_id'),
      eos_token: textOf('eos_token_id'),
      pad_token: textOf('padding_token_id'),
      chat_template: metadata.read('tokenizer.chat_template', z.string().optional()),
    },
  );
}
