import { InputError } from '@srcode/core';
import { byteCharacters } from './byte-alphabet.js';
import type { TokenizerFiles } from './tokenizer-files.js';

/**
 * Where text is cut before merging, for C (our choice). In order: a line break with the indentation after it; a
 * name, a number, or a run of punctuation, each with the one space before it; other white space. Names and
 * punctuation never share a token, so that a reward on `<=` does not fall on the name beside it.
 */
export const codePattern =
  '\\r?\\n[ \\t]*| ?[\\p{L}_][\\p{L}\\p{M}\\p{N}_]*| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}_]+|\\s+(?!\\S)|\\s+';

export interface TrainBpeOptions {
  /** Size of the vocabulary: special tokens + 256 bytes + merges; smaller when the texts run out of pairs. */
  readonly vocabSize: number;
  /** First ids, in order; never produced from merges. */
  readonly specialTokens: readonly string[];
  /** Which special token ends an answer, starts a text, pads. Padding defaults to the first special token. */
  readonly eosToken: string;
  readonly bosToken?: string;
  readonly padToken?: string;
  /** Jinja chat template for `tokenizer_config.json`. */
  readonly chatTemplate?: string;
  /** A pair must occur this often to be merged. Default 2. */
  readonly minFrequency?: number;
}

interface Word {
  ids: number[];
  readonly count: number;
}

const pairKey = (left: number, right: number) => left * 0x200000 + right;

/** Counts the distinct pieces of all texts, each as bytes. */
function countWords(texts: Iterable<string>): Word[] {
  const counts = new Map<string, number>();
  const pattern = new RegExp(codePattern, 'gu');
  for (const text of texts) {
    for (const piece of text.match(pattern) ?? []) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  }
  const encoder = new TextEncoder();
  return [...counts].map(([piece, count]) => ({ ids: [...encoder.encode(piece)], count }));
}

/** Counts of adjacent pairs and the words that hold them, kept up to date as pairs are merged. */
class PairIndex {
  readonly counts = new Map<number, number>();
  readonly #words = new Map<number, Set<number>>();

  add(key: number, count: number, word: number): void {
    this.counts.set(key, (this.counts.get(key) ?? 0) + count);
    let words = this.#words.get(key);
    if (!words) {
      words = new Set();
      this.#words.set(key, words);
    }
    words.add(word);
  }

  subtract(key: number, count: number): void {
    const left = (this.counts.get(key) ?? 0) - count;
    if (left > 0) this.counts.set(key, left);
    else this.counts.delete(key);
  }

  take(key: number): readonly number[] {
    const words = [...(this.#words.get(key) ?? [])];
    this.#words.delete(key);
    return words;
  }

  /** The most frequent pair; of equals the one with the lowest ids, so that training is deterministic. */
  best(minFrequency: number): number | undefined {
    let bestKey: number | undefined;
    let bestCount = minFrequency - 1;
    for (const [key, count] of this.counts) {
      if (count > bestCount || (count === bestCount && bestKey !== undefined && key < bestKey)) {
        bestKey = key;
        bestCount = count;
      }
    }
    return bestKey;
  }
}

function mergeWord(word: Word, index: number, left: number, right: number, merged: number, pairs: PairIndex) {
  const { ids, count } = word;
  if (!ids.some((id, i) => id === left && ids[i + 1] === right)) return;
  for (let i = 0; i + 1 < ids.length; i++) pairs.subtract(pairKey(ids[i]!, ids[i + 1]!), count);
  const next: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] === left && ids[i + 1] === right) {
      next.push(merged);
      i++;
    } else next.push(ids[i]!);
  }
  word.ids = next;
  for (let i = 0; i + 1 < next.length; i++) pairs.add(pairKey(next[i]!, next[i + 1]!), count, index);
}

function checkOptions(options: TrainBpeOptions): void {
  const { vocabSize, specialTokens } = options;
  const least = specialTokens.length + 256;
  const unknown = [options.eosToken, options.bosToken, options.padToken].find(
    (token) => token !== undefined && !specialTokens.includes(token),
  );
  if (vocabSize < least || vocabSize > 0x100000) {
    throw new InputError({
      code: 'BPE_VOCAB_SIZE',
      message: `Expected vocabSize between ${least} (special tokens + 256 bytes) and 1048576, got ${vocabSize}.`,
    });
  }
  if (unknown !== undefined || new Set(specialTokens).size !== specialTokens.length) {
    throw new InputError({
      code: 'BPE_SPECIAL_TOKENS',
      message: `Expected distinct special tokens that contain eosToken, bosToken and padToken, got ${JSON.stringify(specialTokens)}${unknown === undefined ? '' : ` without ${JSON.stringify(unknown)}`}.`,
    });
  }
}

/**
 * A byte-level BPE tokenizer (Sennrich et al. 2016) learned from `texts`, as Hugging Face `tokenizer.json` and
 * `tokenizer_config.json`. Deterministic: same texts and options, same files. Throws `InputError` on bad options.
 */
export function trainBpe(texts: Iterable<string>, options: TrainBpeOptions): TokenizerFiles {
  checkOptions(options);
  const words = countWords(texts);
  const pairs = new PairIndex();
  words.forEach(({ ids, count }, index) => {
    for (let i = 0; i + 1 < ids.length; i++) pairs.add(pairKey(ids[i]!, ids[i + 1]!), count, index);
  });
  const tokens = [...byteCharacters];
  const known = new Set(tokens);
  const merges: [string, string][] = [];
  const wanted = options.vocabSize - options.specialTokens.length;
  while (tokens.length < wanted) {
    const key = pairs.best(options.minFrequency ?? 2);
    if (key === undefined) break;
    const left = Math.floor(key / 0x200000);
    const right = key % 0x200000;
    const merged = tokens.length;
    const text = tokens[left]! + tokens[right]!;
    // Two merges can spell the same token; the files identify tokens by text, so only the first may stand.
    if (known.has(text)) {
      pairs.counts.delete(key);
      pairs.take(key);
      continue;
    }
    known.add(text);
    tokens.push(text);
    merges.push([tokens[left]!, tokens[right]!]);
    for (const index of pairs.take(key)) mergeWord(words[index]!, index, left, right, merged, pairs);
  }
  return formatFiles(tokens, merges, options);
}

function formatFiles(
  tokens: readonly string[],
  merges: readonly (readonly [string, string])[],
  options: TrainBpeOptions,
): TokenizerFiles {
  const { specialTokens } = options;
  const vocab: Record<string, number> = {};
  for (const token of [...specialTokens, ...tokens]) vocab[token] = Object.keys(vocab).length;
  const added = specialTokens.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const padToken = options.padToken ?? specialTokens[0]!;
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: added,
      normalizer: null,
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: codePattern }, behavior: 'Isolated', invert: false },
          { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
        ],
      },
      post_processor: null,
      decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab,
        merges: merges.map((pair) => [...pair]),
      },
    },
    config: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      clean_up_tokenization_spaces: false,
      model_max_length: 1_000_000,
      eos_token: options.eosToken,
      ...(options.bosToken === undefined ? {} : { bos_token: options.bosToken }),
      pad_token: padToken,
      ...(options.chatTemplate === undefined ? {} : { chat_template: options.chatTemplate }),
    },
  };
}
