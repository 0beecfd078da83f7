import { describe, expect, it } from 'vitest';
import { byteCharacters } from './byte-alphabet.js';
import { loadTokenizer } from './load-tokenizer.js';

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
/** A letter, and a digit of each numeric category: Nd (Latin and Arabic-Indic), No and Nl. */
const characters = ['x', '1', '٣', '½', 'Ⅷ'];

/** Byte-level BPE that has a token for each character and for each pair, so that whatever is not cut is merged. */
function createTokenizer(preTokenizer: unknown) {
  const spell = (text: string) => [...Buffer.from(text)].map((byte) => byteCharacters[byte]!);
  const vocab = new Map([...['<|end|>'], ...byteCharacters].map((token, id) => [token, id]));
  const merges: [string, string][] = [];
  const merge = (left: string, right: string) => {
    if (!vocab.has(left + right)) vocab.set(left + right, vocab.size);
    merges.push([left, right]);
    return left + right;
  };
  const whole = characters.map((character) => spell(character).reduce(merge));
  for (const left of whole) for (const right of whole) merge(left, right);
  return loadTokenizer(
    {
      version: '1.0',
      added_tokens: [{ id: 0, content: '<|end|>', special: true }],
      normalizer: null,
      pre_tokenizer: preTokenizer,
      post_processor: null,
      decoder: byteLevel,
      model: { type: 'BPE', vocab: Object.fromEntries(vocab), merges },
    },
    { eos_token: '<|end|>' },
  );
}

const tokensOf = (preTokenizer: unknown, text: string): string[] => {
  const tokenizer = createTokenizer(preTokenizer);
  return [...tokenizer.encode(text)].map((id) => tokenizer.decode([id]));
};
const withDigits = (digits: object) => ({
  type: 'Sequence',
  pretokenizers: [{ type: 'Digits', ...digits }, byteLevel],
});

// What the reference implementation gives for these files (tokenizers 0.23.3).
const cases: readonly [text: string, each: readonly string[], runs: readonly string[]][] = [
  ['xx11', ['xx', '1', '1'], ['xx', '11']],
  ['x٣٣x', ['x', '٣', '٣', 'x'], ['x', '٣٣', 'x']],
  ['½½xx', ['½', '½', 'xx'], ['½½', 'xx']],
  ['xⅧ½1x', ['x', 'Ⅷ', '½', '1', 'x'], ['x', 'Ⅷ', '½1', 'x']],
];

describe('the Digits pre-tokenizer of a directory', () => {
  it.each(cases)('cuts %s at every numeric character of Unicode', (text, each, runs) => {
    expect(tokensOf(withDigits({ individual_digits: true }), text)).toEqual(each);
    expect(tokensOf(withDigits({ individual_digits: false }), text)).toEqual(runs);
  });

  it('is found alone and in sequences inside sequences', () => {
    const nested = { type: 'Sequence', pretokenizers: [withDigits({ individual_digits: true })] };
    expect(tokensOf(nested, 'x٣٣')).toEqual(['x', '٣', '٣']);
    // Nothing spells bytes here, so that only what ASCII has can be told.
    expect(tokensOf({ type: 'Digits', individual_digits: true }, 'x11')).toEqual(['x', '1', '1']);
  });

  it('keeps the files as they were read, for saving', () => {
    const tokenizer = createTokenizer(withDigits({ individual_digits: true }));
    expect(tokenizer.files.tokenizer.pre_tokenizer).toEqual(withDigits({ individual_digits: true }));
  });

  it('leaves other pre-tokenizers alone', () => {
    expect(tokensOf(byteLevel, 'x٣½')).toEqual(['x٣', '½']);
    expect(tokensOf(withDigits({ individual_digits: true }), '')).toEqual([]);
  });
});
