/**
 * Keeps an evenly spaced sample of a stream of unknown length in bounded memory: every `stride`-th item,
 * the stride doubling whenever `limit` would be passed, plus the last item. No randomness: equal streams
 * give equal samples.
 */
export class EvenSample<T> {
  readonly #limit: number;
  #kept: { readonly at: number; readonly item: T }[] = [];
  #last: { readonly at: number; readonly item: T } | undefined;
  #stride = 1;
  total = 0;

  constructor(limit: number) {
    this.#limit = Math.max(1, Math.floor(limit));
  }

  add(item: T): void {
    const entry = { at: this.total++, item };
    this.#last = entry;
    if (entry.at % this.#stride !== 0) return;
    if (this.#kept.length >= this.#limit) {
      this.#stride *= 2;
      this.#kept = this.#kept.filter(({ at }) => at % this.#stride === 0);
      if (entry.at % this.#stride !== 0) return;
    }
    this.#kept.push(entry);
  }

  items(): T[] {
    const kept = [...this.#kept];
    const last = this.#last;
    if (last && kept.at(-1)?.at !== last.at) {
      if (kept.length >= this.#limit) kept.pop();
      kept.push(last);
    }
    return kept.map(({ item }) => item);
  }
}
