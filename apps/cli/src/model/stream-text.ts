import type { Tokenizer } from '@srcode/model';

/** Turns token ids into text piece by piece: bytes of a character that is not whole yet are held back. */
export class TextStream {
  readonly #tokenizer: Pick<Tokenizer, 'decode'>;
  #held: number[] = [];

  constructor(tokenizer: Pick<Tokenizer, 'decode'>) {
    this.#tokenizer = tokenizer;
  }

  /** The text that `tokenId` completes; empty while a character is cut. */
  push(tokenId: number): string {
    this.#held.push(tokenId);
    const text = this.#tokenizer.decode(this.#held);
    // Four bytes at most make a character, a token at least one: what is still broken then stays broken.
    if (text.endsWith('\ufffd') && this.#held.length < 4) return '';
    this.#held = [];
    return text;
  }

  /** What was held back when the tokens ended. */
  end(): string {
    const text = this.#held.length === 0 ? '' : this.#tokenizer.decode(this.#held);
    this.#held = [];
    return text;
  }
}
