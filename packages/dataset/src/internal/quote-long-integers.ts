const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
/** Integers of up to 15 digits survive a float64 whatever they are; longer ones may not. */
const SAFE_DIGITS = 15;
const maybeLong = new RegExp(`\\d{${SAFE_DIGITS + 1}}`);
/** JSON's own number: `0123` is two of them, so that broken text stays broken. */
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const integer = /^-?\d+$/;

/** The index just past the closing quote of the string that opens at `open`, or the text's length when it never closes. */
function skipString(text: string, open: number): number {
  for (let close = text.indexOf('"', open + 1); close !== -1; close = text.indexOf('"', close + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(close - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return close + 1;
  }
  return text.length;
}

/**
 * The JSON text with every integer literal of more than 15 digits turned into a string of the same digits.
 *
 * `JSON.parse` makes floats of PrimeVul's 128-bit `func_hash` and `file_hash` and so loses them. Text inside
 * strings (function bodies are full of digits and quotes), fractions and exponents are left as they are;
 * text that is not JSON comes out as something that is still not JSON. Linear in the text.
 */
export function quoteLongIntegers(text: string): string {
  if (!maybeLong.test(text)) return text;
  let out = '';
  let copied = 0;
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = skipString(text, at);
    } else if (code === MINUS || (code >= ZERO && code <= NINE)) {
      number.lastIndex = at;
      const literal = number.exec(text)?.[0];
      if (literal === undefined) {
        at++;
        continue;
      }
      if (literal.length > SAFE_DIGITS && integer.test(literal)) {
        out += `${text.slice(copied, at)}"${literal}"`;
        copied = at + literal.length;
      }
      at += literal.length;
    } else {
      at++;
    }
  }
  return out + text.slice(copied);
}
