/** UTF-8 as text, with the place of every byte in it. */
export interface DecodedUtf8 {
  readonly text: string;
  /** For each byte, the start of its character in `text` (UTF-16 code units). */
  readonly starts: Int32Array;
  /** For each byte, the end of its character. */
  readonly ends: Int32Array;
}

/** Length of the sequence a lead byte opens, and the range of its first continuation byte; undefined for a bad lead. */
function leadOf(byte: number): readonly [length: number, low: number, high: number] | undefined {
  if (byte >= 0xc2 && byte <= 0xdf) return [2, 0x80, 0xbf];
  if (byte === 0xe0) return [3, 0xa0, 0xbf];
  if (byte === 0xed) return [3, 0x80, 0x9f];
  if (byte >= 0xe1 && byte <= 0xef) return [3, 0x80, 0xbf];
  if (byte === 0xf0) return [4, 0x90, 0xbf];
  if (byte >= 0xf1 && byte <= 0xf3) return [4, 0x80, 0xbf];
  if (byte === 0xf4) return [4, 0x80, 0x8f];
  return undefined;
}

/** How many bytes from `at` belong to one character, and whether they are a whole one (WHATWG's maximal subpart rule). */
function measureCharacter(bytes: Uint8Array, at: number): { readonly size: number; readonly valid: boolean } {
  const byte = bytes[at]!;
  if (byte < 0x80) return { size: 1, valid: true };
  const lead = leadOf(byte);
  if (!lead) return { size: 1, valid: false };
  const [length, low, high] = lead;
  for (let i = 1; i < length; i++) {
    const next = bytes[at + i];
    const ok = next !== undefined && (i === 1 ? next >= low && next <= high : next >= 0x80 && next <= 0xbf);
    if (!ok) return { size: i, valid: false };
  }
  return { size: length, valid: true };
}

/** The text of the bytes, broken sequences as U+FFFD exactly as `TextDecoder` has them, and each byte's character. */
export function decodeUtf8(bytes: Uint8Array): DecodedUtf8 {
  const starts = new Int32Array(bytes.length);
  const ends = new Int32Array(bytes.length);
  let unit = 0;
  for (let at = 0; at < bytes.length; ) {
    const { size, valid } = measureCharacter(bytes, at);
    const units = valid && size === 4 ? 2 : 1;
    starts.fill(unit, at, at + size);
    ends.fill(unit + units, at, at + size);
    unit += units;
    at += size;
  }
  return { text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes), starts, ends };
}
