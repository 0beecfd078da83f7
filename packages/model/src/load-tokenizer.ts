import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import type { z } from 'zod';
import { tokenToBytes } from './byte-alphabet.js';
import { decodeUtf8 } from './decode-utf8.js';
import { TokenizerError } from './errors.js';
import { type ChatMessage, type FormatChatOptions, formatChat } from './format-chat.js';
import {
  specialTokenText,
  type TokenizerFiles,
  tokenizerConfigSchema,
  tokenizerJsonSchema,
} from './tokenizer-files.js';
import type { Tokenizer } from './types.js';

function parseWith<S extends z.ZodType>(schema: S, value: unknown, file: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new TokenizerError({
    code: 'TOKENIZER_INVALID',
    message: `${file}: field "${issue?.path.map(String).join('.') ?? ''}": ${issue?.message ?? 'invalid'}. Expected a Hugging Face tokenizer file; download it again.`,
    context: { file, issues: parsed.error.issues.slice(0, 5) },
  });
}

/** True when the decoder, or one step of it, turns byte-level characters into bytes. */
function isByteLevel(decoder: unknown): boolean {
  const component = decoder as { type?: string; decoders?: unknown[] } | null | undefined;
  if (component?.type === 'ByteLevel') return true;
  return component?.type === 'Sequence' && (component.decoders ?? []).some(isByteLevel);
}

interface PreTokenizer {
  readonly type?: string;
  readonly individual_digits?: boolean;
  readonly pretokenizers?: readonly (PreTokenizer | null)[];
}

/**
 * The tokenizer with every `Digits` pre-tokenizer written as the `Split` that it means.
 *
 * The reference implementation cuts at characters that are numeric in Unicode (`٣`, `½`, `Ⅷ`: general category N), each
 * for itself with `individual_digits`, else at each run of them; the JavaScript library takes `0` to `9` alone.
 */
function spellOutDigits(tokenizer: TokenizerFiles['tokenizer']): TokenizerFiles['tokenizer'] {
  const spellOut = (component: PreTokenizer | null): unknown => {
    if (component?.type === 'Sequence')
      return { ...component, pretokenizers: component.pretokenizers?.map(spellOut) };
    if (component?.type !== 'Digits') return component;
    const pattern = { Regex: component.individual_digits ? '\\p{N}' : '\\p{N}+' };
    return { type: 'Split', pattern, behavior: 'Isolated', invert: false };
  };
  const { pre_tokenizer: component } = tokenizer;
  return component ? { ...tokenizer, pre_tokenizer: spellOut(component as PreTokenizer) } : tokenizer;
}

/** A byte-level BPE tokenizer; encoding by `@huggingface/tokenizers`, decoding with offsets by us. */
export class ByteLevelTokenizer implements Tokenizer {
  readonly files: TokenizerFiles;
  readonly vocabSize: number;
  readonly eosTokenId: number;
  readonly bosTokenId: number | null;
  readonly padTokenId: number;
  readonly #encoder: HuggingFaceTokenizer;
  readonly #bytes: (Uint8Array | undefined)[];
  readonly #tokens: (string | undefined)[];
  readonly #special = new Set<number>();
  readonly #ids = new Map<string, number>();

  /** Use `loadTokenizer`. */
  constructor(files: TokenizerFiles) {
    const json = parseWith(tokenizerJsonSchema, files.tokenizer, 'tokenizer.json');
    const config = parseWith(tokenizerConfigSchema, files.config, 'tokenizer_config.json');
    if (json.model.type !== 'BPE' || !isByteLevel(json.decoder)) {
      throw new TokenizerError({
        code: 'TOKENIZER_UNSUPPORTED',
        message: `tokenizer.json: expected a byte-level BPE tokenizer (Llama 3, Qwen2, SmolLM2 …), got model "${json.model.type}" with decoder "${json.decoder?.type ?? 'none'}". This tokenizer cannot be used.`,
        context: { model: json.model.type, decoder: json.decoder?.type ?? null },
      });
    }
    this.files = files;
    const encoder = new TextEncoder();
    this.#bytes = [];
    this.#tokens = [];
    for (const [token, id] of Object.entries(json.model.vocab)) {
      this.#bytes[id] = tokenToBytes(token) ?? encoder.encode(token);
      this.#tokens[id] = token;
      this.#ids.set(token, id);
    }
    for (const { id, content, special } of json.added_tokens) {
      this.#bytes[id] = encoder.encode(content);
      this.#tokens[id] = content;
      this.#ids.set(content, id);
      if (special) this.#special.add(id);
    }
    this.vocabSize = this.#bytes.length;
    try {
      this.#encoder = new HuggingFaceTokenizer(spellOutDigits(files.tokenizer), files.config);
    } catch (cause) {
      throw new TokenizerError({
        code: 'TOKENIZER_UNSUPPORTED',
        message: `tokenizer.json: a component is not supported: ${(cause as Error).message}`,
        cause,
      });
    }
    const idOf = (token: string | undefined, field: string) => {
      if (token === undefined) return undefined;
      const id = this.#ids.get(token);
      if (id !== undefined) return id;
      throw new TokenizerError({
        code: 'TOKENIZER_INVALID',
        message: `tokenizer_config.json: ${field} is ${JSON.stringify(token)}, which tokenizer.json does not know. The two files do not belong together.`,
        context: { field, token },
      });
    };
    const eos = idOf(specialTokenText(config.eos_token), 'eos_token');
    if (eos === undefined) {
      throw new TokenizerError({
        code: 'TOKENIZER_INVALID',
        message: 'tokenizer_config.json: expected eos_token, found none. Add the token that ends an answer.',
      });
    }
    this.eosTokenId = eos;
    this.bosTokenId = idOf(specialTokenText(config.bos_token), 'bos_token') ?? null;
    this.padTokenId = idOf(specialTokenText(config.pad_token), 'pad_token') ?? eos;
  }

  /** Ids of `text`. Special tokens spelled out in it are recognised. Default: none added around it. */
  encode(text: string, options: { readonly addSpecialTokens?: boolean } = {}): Int32Array {
    const { ids } = this.#encoder.encode(text, { add_special_tokens: options.addSpecialTokens ?? false });
    return Int32Array.from(ids);
  }

  /** Id of a token by its text in the vocabulary, or undefined. */
  tokenToId(token: string): number | undefined {
    return this.#ids.get(token);
  }

  /** Text of a token in the vocabulary (byte-level characters), or undefined. */
  idToToken(id: number): string | undefined {
    return this.#tokens[id];
  }

  isSpecial(id: number): boolean {
    return this.#special.has(id);
  }

  /** The bytes that a token adds to the text; empty for special tokens. Throws `TokenizerError` for an unknown id. */
  tokenBytes(id: number, keepSpecialTokens = false): Uint8Array {
    const bytes = this.#bytes[id];
    if (bytes === undefined) {
      throw new TokenizerError({
        code: 'TOKEN_OUT_OF_RANGE',
        message: `Expected token ids below ${this.vocabSize} that the tokenizer knows, got ${id}. Is this the tokenizer of the model that wrote them?`,
        context: { id, vocabSize: this.vocabSize },
      });
    }
    return this.#special.has(id) && !keepSpecialTokens ? new Uint8Array() : bytes;
  }

  /** Text of the ids; bytes that are no valid UTF-8 become U+FFFD. */
  decode(ids: ArrayLike<number>, options: { readonly keepSpecialTokens?: boolean } = {}): string {
    return decodeUtf8(this.#join(ids, options.keepSpecialTokens ?? false).bytes).text;
  }

  /**
   * Text of the ids and each one's span in it. A token that holds part of a character spans the whole character, so
   * that tokens which share one overlap; special tokens are left out and have empty spans.
   */
  decodeWithOffsets(ids: ArrayLike<number>): {
    readonly text: string;
    readonly offsets: readonly (readonly [number, number])[];
  } {
    const { bytes, boundaries } = this.#join(ids, false);
    const { text, starts, ends } = decodeUtf8(bytes);
    const offsets = boundaries.map(([from, to]) => {
      if (from === to) {
        const at = from < starts.length ? starts[from]! : text.length;
        return [at, at] as const;
      }
      return [starts[from]!, ends[to - 1]!] as const;
    });
    return { text, offsets };
  }

  /** The prompt text of a conversation by the model's own chat template. */
  formatChat(messages: readonly ChatMessage[], options: FormatChatOptions = {}): string {
    return formatChat(this.files.config, messages, options);
  }

  #join(ids: ArrayLike<number>, keepSpecialTokens: boolean) {
    const boundaries: [number, number][] = [];
    const parts: Uint8Array[] = [];
    let length = 0;
    for (let i = 0; i < ids.length; i++) {
      const part = this.tokenBytes(ids[i]!, keepSpecialTokens);
      boundaries.push([length, length + part.length]);
      parts.push(part);
      length += part.length;
    }
    const bytes = new Uint8Array(length);
    parts.forEach((part, i) => {
      bytes.set(part, boundaries[i]![0]);
    });
    return { bytes, boundaries };
  }
}

/**
 * The tokenizer of a `tokenizer.json` and `tokenizer_config.json`, already parsed.
 *
 * Throws `TokenizerError` when a field is missing or broken, or when it is not byte-level BPE.
 */
export function loadTokenizer(tokenizer: unknown, config: unknown): ByteLevelTokenizer {
  return new ByteLevelTokenizer({
    tokenizer: tokenizer as TokenizerFiles['tokenizer'],
    config: config as TokenizerFiles['config'],
  });
}
