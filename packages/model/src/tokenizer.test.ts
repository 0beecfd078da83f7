import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeUtf8 } from './decode-utf8.js';
import { TokenizerError } from './errors.js';
import { tinyChatTemplate, tinySpecialTokens } from './format-chat.js';
import { loadTokenizer } from './load-tokenizer.js';
import { trainBpe } from './train-bpe.js';

const source = readFileSync(new URL('./train-bpe.ts', import.meta.url), 'utf8');
const cSource = `int copy(char *dst, size_t size, const char *src) {
    if (size == 0) {
        return -1;
    }
    size_t length = strlen(src);
    if (length >= size) {
        return -1;
    }
    memcpy(dst, src, length + 1);
    return 0;
}
`;
const files = trainBpe([source, ...Array.from({ length: 5 }, () => cSource)], {
  vocabSize: 600,
  specialTokens: tinySpecialTokens,
  eosToken: '<|end|>',
  chatTemplate: tinyChatTemplate,
});
const tokenizer = loadTokenizer(files.tokenizer, files.config);
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ maxLength: 60 }),
  fc
    .array(fc.constantFrom(' ', '  ', '\n', '\t', 'size', '->', '0x1F', 'é', '漢', '😀', '_a1', ');'), {
      maxLength: 30,
    })
    .map((parts) => parts.join('')),
);
const noLoneSurrogates = (value: string) => Buffer.from(value).toString() === value;

describe('trainBpe', () => {
  it('is deterministic and fills the vocabulary', () => {
    const options = { vocabSize: 320, specialTokens: tinySpecialTokens, eosToken: '<|end|>' };
    expect(trainBpe([cSource, cSource], options)).toEqual(trainBpe([cSource, cSource], options));
    expect(tokenizer.vocabSize).toBe(600);
    expect(tokenizer.padTokenId).toBe(0);
    expect(tokenizer.eosTokenId).toBe(3);
  });

  it('keeps a line break and its indentation, and a name and its space, in one token', () => {
    const tokens = [...tokenizer.encode('        return -1;\n        return -1;')].map((id) =>
      tokenizer.decode([id]),
    );
    expect(tokens).toContain('\n        ');
    expect(tokens).toContain('return');
    const ids = tokenizer.encode(cSource);
    expect(cSource.length / ids.length).toBeGreaterThan(2.5);
    for (const id of ids) expect(tokenizer.decode([id])).not.toMatch(/\w\W|[^\s\w]\w/);
  });

  it('learns the merges of a text worked out by hand', () => {
    // "aab aab aab": pieces "aab" ×1 and " aab" ×2. Pairs: aa 3, ab 3, " a" 2 → (a,a) by lowest ids, then (aa,b) 3.
    const { tokenizer: json } = trainBpe(['aab aab aab'], {
      vocabSize: 260,
      specialTokens: ['<|end|>'],
      eosToken: '<|end|>',
    });
    const { merges } = json.model as { merges: string[][] };
    expect(merges).toEqual([
      ['a', 'a'],
      ['aa', 'b'],
      ['Ġ', 'aab'],
    ]);
  });

  it('refuses a vocabulary below the bytes and an unknown eos token', () => {
    expect(() => trainBpe([''], { vocabSize: 100, specialTokens: ['x'], eosToken: 'x' })).toThrow(
      /vocabSize/,
    );
    expect(() => trainBpe([''], { vocabSize: 300, specialTokens: ['x'], eosToken: 'y' })).toThrow(/"y"/);
  });
});

describe('ByteLevelTokenizer', () => {
  it('round-trips any well-formed text', () => {
    fc.assert(
      fc.property(text.filter(noLoneSurrogates), (value) => {
        expect(tokenizer.decode(tokenizer.encode(value), { keepSpecialTokens: true })).toBe(value);
      }),
      { numRuns: 500 },
    );
  });

  it('gives offsets that cover the text in order, whatever the ids', () => {
    const id = fc.integer({ min: 0, max: tokenizer.vocabSize - 1 });
    fc.assert(
      fc.property(fc.array(id, { maxLength: 40 }), (ids) => {
        const { text, offsets } = tokenizer.decodeWithOffsets(ids);
        expect(text).toBe(tokenizer.decode(ids));
        expect(offsets).toHaveLength(ids.length);
        const covered = new Uint8Array(text.length);
        let previous = 0;
        offsets.forEach(([start, end], i) => {
          expect(start).toBeGreaterThanOrEqual(previous);
          expect(end).toBeGreaterThanOrEqual(start);
          if (tokenizer.isSpecial(ids[i]!)) expect(end).toBe(start);
          else expect(end).toBeGreaterThan(start);
          covered.fill(1, start, end);
          previous = start;
        });
        expect(covered.every((c) => c === 1)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('gives each token of a text the characters it spells', () => {
    fc.assert(
      fc.property(text.filter(noLoneSurrogates), (value) => {
        fc.pre(!/<\|/.test(value));
        const ids = tokenizer.encode(value);
        const { text, offsets } = tokenizer.decodeWithOffsets(ids);
        expect(text).toBe(value);
        offsets.forEach(([start, end], i) => {
          const own = tokenizer.decode([ids[i]!]);
          if (!own.includes('\ufffd')) expect(value.slice(start, end)).toBe(own);
        });
      }),
      { numRuns: 300 },
    );
  });

  it('gives every byte token of one character the span of the whole character', () => {
    const ids = tokenizer.encode('a😀b');
    const { text, offsets } = tokenizer.decodeWithOffsets(ids);
    expect(text).toBe('a😀b');
    expect(offsets).toEqual([
      [0, 1],
      [1, 3],
      [1, 3],
      [1, 3],
      [1, 3],
      [3, 4],
    ]);
  });

  it('leaves special tokens out unless asked', () => {
    const prompt = tokenizer.formatChat([{ role: 'user', content: 'hi' }]);
    expect(prompt).toBe('<|user|>hi<|end|><|assistant|>');
    const ids = tokenizer.encode(prompt);
    expect(ids[0]).toBe(1);
    expect(ids.at(-1)).toBe(2);
    expect(tokenizer.decode(ids)).toBe('hi');
    expect(tokenizer.decode(ids, { keepSpecialTokens: true })).toBe(prompt);
    expect(tokenizer.decodeWithOffsets(ids).offsets[0]).toEqual([0, 0]);
  });

  it('refuses what it cannot decode, by name', () => {
    expect(() => tokenizer.decode([9999])).toThrow(TokenizerError);
    expect(() => loadTokenizer({ model: { type: 'WordPiece', vocab: {}, merges: [] } }, {})).toThrow(
      /WordPiece/,
    );
    expect(() => loadTokenizer({ model: { type: 'BPE' } }, {})).toThrow(/model\.vocab/);
    expect(() => loadTokenizer(files.tokenizer, { eos_token: '</s>' })).toThrow(/do not belong together/);
  });
});

describe('decodeUtf8', () => {
  it('agrees with TextDecoder on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => {
        const { text, ends } = decodeUtf8(bytes);
        expect(text).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
        expect(ends.at(-1) ?? 0).toBe(text.length);
      }),
      { numRuns: 2000 },
    );
  });
});
