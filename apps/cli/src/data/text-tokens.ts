import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { lexTokens } from '@srcode/code';
import { InputError, SrcodeError, wrapFileError } from '@srcode/core';
import { loadTokenizer, type Tokenizer } from '@srcode/model';

/** Cuts a text into the tokens that carry rewards. */
export interface TextTokens {
  /** Name for manifests and output. */
  readonly name: string;
  /** Span [start, end) of each token, UTF-16 code units. */
  offsets(text: string): readonly (readonly [number, number])[];
  /** Token ids; null for lexical tokens, which have none. */
  ids(text: string): readonly number[] | null;
}

/** Without a tokenizer: the lexical tokens of the C text. */
export const lexicalTokens: TextTokens = {
  name: 'lexical',
  offsets: (text) => lexTokens(text).map((token) => [token.start, token.end] as const),
  ids: () => null,
};

const asTextTokens = (name: string, tokenizer: Tokenizer): TextTokens => ({
  name,
  ids: (text) => [...tokenizer.encode(text)],
  offsets: (text) => {
    const decoded = tokenizer.decodeWithOffsets(tokenizer.encode(text));
    if (decoded.text !== text) {
      throw new InputError({
        code: 'TOKENIZER_LOSSY',
        message: `${name}: expected a tokenizer that gives a text back unchanged; this one changed it, so rewards cannot be placed. Use the model’s own tokenizer.`,
        context: { name },
      });
    }
    return decoded.offsets;
  },
});

/** The tokenizer of a Hugging Face `tokenizer.json` (a file, or the folder that holds it). */
export async function openTokenizer(path: string): Promise<Tokenizer> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    (error: unknown) => {
      throw wrapFileError(error, path, 'read');
    },
  );
  const folder = isFolder ? path : dirname(path);
  const tokenizer = await readJson(isFolder ? join(path, 'tokenizer.json') : path);
  const config = await readJson(join(folder, 'tokenizer_config.json')).catch((error: unknown) => {
    if (SrcodeError.isInstance(error) && error.code === 'FILE_NOT_FOUND') return {};
    throw error;
  });
  return loadTokenizer(tokenizer, config);
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new InputError({
        code: 'TOKENIZER_MALFORMED',
        message: `${file}: expected a Hugging Face tokenizer file, got text that is not JSON (${error.message}). Download it again.`,
        context: { path: file },
        cause: error,
      });
    }
    throw wrapFileError(error, file, 'read');
  }
}

/** The tokens of a tokenizer at `path`, or lexical ones without a path. */
export async function openTextTokens(path: string | undefined): Promise<TextTokens> {
  return path === undefined ? lexicalTokens : asTextTokens(path, await openTokenizer(path));
}
