import { createHash } from 'node:crypto';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

const TWO_POW_53 = 2 ** 53;

/**
 * A seeded random stream. Passed as a value; independent streams come from `fork`, never from sharing.
 *
 * The state is derived with SHA-256 from the seed and the path of labels, so that adding a consumer in
 * one place does not shift the numbers of another.
 */
export class Rng {
  readonly #key: string;
  readonly #generator: { next(): number };
  #spareNormal: number | undefined;

  private constructor(key: string) {
    this.#key = key;
    const digest = createHash('sha256').update(key).digest();
    const state: number[] = [0, 4, 8, 12].map((offset: number) => digest.readInt32LE(offset));
    if (!state.some((word) => word !== 0)) state[0] = 1;
    this.#generator = xoroshiro128plusFromState(state);
  }

  static fromSeed(seed: number | string): Rng {
    return new Rng(`srcode:${String(seed)}`);
  }

  /** A new independent stream named by label and indices; does not advance this one. */
  fork(label: string, ...indices: readonly (number | string)[]): Rng {
    return new Rng(JSON.stringify([this.#key, label, ...indices]));
  }

  /** Uniform 32-bit unsigned integer. */
  nextUint32(): number {
    return this.#generator.next() >>> 0;
  }

  /** Uniform float64 in [0, 1), 53 bits. */
  nextFloat(): number {
    const high = this.nextUint32() >>> 5;
    const low = this.nextUint32() >>> 6;
    return (high * 67108864 + low) / TWO_POW_53;
  }

  /** Uniform integer in [0, bound). */
  nextInt(bound: number): number {
    if (!Number.isSafeInteger(bound) || bound <= 0)
      throw new RangeError(`bound must be a positive integer, got ${bound}`);
    return Math.floor(this.nextFloat() * bound);
  }

  /** Standard normal (Marsaglia polar method). */
  nextNormal(): number {
    if (this.#spareNormal !== undefined) {
      const spare = this.#spareNormal;
      this.#spareNormal = undefined;
      return spare;
    }
    for (;;) {
      const u = this.nextFloat() * 2 - 1;
      const v = this.nextFloat() * 2 - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) {
        const scale = Math.sqrt((-2 * Math.log(s)) / s);
        this.#spareNormal = v * scale;
        return u * scale;
      }
    }
  }

  /** One element, uniformly. */
  pick<T>(items: readonly T[]): T {
    return items[this.nextInt(items.length)]!;
  }

  /** A shuffled copy (Fisher–Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.nextInt(i + 1);
      [out[i], out[j]] = [out[j]!, out[i]!];
    }
    return out;
  }
}
