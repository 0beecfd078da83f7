/** Order statistics of a series of numbers. */
export interface Summary {
  readonly count: number;
  readonly mean: number;
  readonly min: number;
  readonly p25: number;
  readonly median: number;
  readonly p75: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** Exact quantiles of a stream that repeats its values: memory grows with distinct values, not with their number. */
export class Distribution {
  readonly #counts = new Map<number, number>();
  #count = 0;
  #sum = 0;

  add(value: number): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
    this.#count++;
    this.#sum += value;
  }

  /** Null when nothing was added. Quantiles are values that occur (lower of two in the middle). */
  summary(): Summary | null {
    if (this.#count === 0) return null;
    const values = [...this.#counts].sort((a, b) => a[0] - b[0]);
    const quantile = (share: number): number => {
      let rank = Math.max(1, Math.ceil(share * this.#count));
      for (const [value, count] of values) {
        rank -= count;
        if (rank <= 0) return value;
      }
      return values.at(-1)![0];
    };
    return {
      count: this.#count,
      mean: this.#sum / this.#count,
      min: values[0]![0],
      p25: quantile(0.25),
      median: quantile(0.5),
      p75: quantile(0.75),
      p90: quantile(0.9),
      p99: quantile(0.99),
      max: values.at(-1)![0],
    };
  }
}

/** Counts by name; largest first, equal ones by name. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  get size(): number {
    return this.#counts.size;
  }

  /** As a plain object, in order; at most `limit` names. */
  toObject(limit = Number.POSITIVE_INFINITY): Record<string, number> {
    const sorted = [...this.#counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    return Object.fromEntries(sorted.slice(0, limit));
  }
}
