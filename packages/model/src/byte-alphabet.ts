/**
 * The byte ↔ character alphabet of byte-level BPE (GPT-2): printable bytes stand for themselves, the rest for the
 * characters from U+0100 on, in byte order.
 */
function createAlphabet(): {
  readonly toChar: readonly string[];
  readonly toByte: ReadonlyMap<string, number>;
} {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  const toChar: string[] = [];
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) toChar.push(String.fromCharCode(printable(byte) ? byte : next++));
  return { toChar, toByte: new Map(toChar.map((char, byte) => [char, byte])) };
}

const alphabet = createAlphabet();

/** The 256 characters that stand for bytes, by byte. */
export const byteCharacters: readonly string[] = alphabet.toChar;

/** The bytes that a byte-level token stands for, or undefined when it holds a character outside the alphabet. */
export function tokenToBytes(token: string): Uint8Array | undefined {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = alphabet.toByte.get(token[i]!);
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}
