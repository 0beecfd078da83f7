import type { DiffHunk } from '../types.js';

type Hunk = { -readonly [K in keyof DiffHunk]: DiffHunk[K] };

/** Where two furthest-reaching paths meet, or where a search that became too costly is split. */
interface Split {
  readonly a: number;
  readonly b: number;
}

class Differ {
  readonly hunks: Hunk[] = [];
  readonly #a: Int32Array;
  readonly #b: Int32Array;
  readonly #maxCost: number;
  readonly #forward: Int32Array;
  readonly #backward: Int32Array;
  readonly #offset: number;

  constructor(a: Int32Array, b: Int32Array, maxCost: number) {
    this.#a = a;
    this.#b = b;
    this.#maxCost = maxCost;
    this.#offset = b.length + 1;
    this.#forward = new Int32Array(a.length + b.length + 3);
    this.#backward = new Int32Array(a.length + b.length + 3);
  }

  /** Compares a[a0, a1) with b[b0, b1); an explicit stack keeps deep splits off the call stack. */
  run(): void {
    const stack: [number, number, number, number][] = [[0, this.#a.length, 0, this.#b.length]];
    while (stack.length > 0) {
      let [a0, a1, b0, b1] = stack.pop()!;
      while (a0 < a1 && b0 < b1 && this.#a[a0] === this.#b[b0]) {
        a0++;
        b0++;
      }
      while (a0 < a1 && b0 < b1 && this.#a[a1 - 1] === this.#b[b1 - 1]) {
        a1--;
        b1--;
      }
      if (a0 === a1 && b0 === b1) continue;
      if (a0 === a1 || b0 === b1) {
        this.#push(a0, a1, b0, b1);
        continue;
      }
      const split = this.#findSplit(a0, a1, b0, b1);
      if (!split || (split.a === a0 && split.b === b0) || (split.a === a1 && split.b === b1)) {
        this.#push(a0, a1, b0, b1);
        continue;
      }
      stack.push([split.a, a1, split.b, b1], [a0, split.a, b0, split.b]);
    }
  }

  #push(a0: number, a1: number, b0: number, b1: number): void {
    const last = this.hunks.at(-1);
    if (last && last.vulnerableEnd === a0 && last.secureEnd === b0) {
      last.vulnerableEnd = a1;
      last.secureEnd = b1;
    } else this.hunks.push({ vulnerableStart: a0, vulnerableEnd: a1, secureStart: b0, secureEnd: b1 });
  }

  /** Middle snake of Myers' linear-space refinement on diagonals k = x − y. */
  #findSplit(a0: number, a1: number, b0: number, b1: number): Split | null {
    const a = this.#a;
    const b = this.#b;
    const forward = this.#forward;
    const backward = this.#backward;
    const offset = this.#offset;
    const lowest = a0 - b1;
    const highest = a1 - b0;
    const middleForward = a0 - b0;
    const middleBackward = a1 - b1;
    const odd = ((middleForward - middleBackward) & 1) !== 0;
    let forwardLow = middleForward;
    let forwardHigh = middleForward;
    let backwardLow = middleBackward;
    let backwardHigh = middleBackward;
    forward[middleForward + offset] = a0;
    backward[middleBackward + offset] = a1;
    for (let cost = 1; ; cost++) {
      if (forwardLow > lowest) forward[--forwardLow - 1 + offset] = -1;
      else forwardLow++;
      if (forwardHigh < highest) forward[++forwardHigh + 1 + offset] = -1;
      else forwardHigh--;
      for (let k = forwardHigh; k >= forwardLow; k -= 2) {
        const below = forward[k - 1 + offset]!;
        const above = forward[k + 1 + offset]!;
        let x = below < above ? above : below + 1;
        let y = x - k;
        while (x < a1 && y < b1 && a[x] === b[y]) {
          x++;
          y++;
        }
        forward[k + offset] = x;
        if (odd && k >= backwardLow && k <= backwardHigh && backward[k + offset]! <= x) return { a: x, b: y };
      }
      if (backwardLow > lowest) backward[--backwardLow - 1 + offset] = a1 + 1;
      else backwardLow++;
      if (backwardHigh < highest) backward[++backwardHigh + 1 + offset] = a1 + 1;
      else backwardHigh--;
      for (let k = backwardHigh; k >= backwardLow; k -= 2) {
        const below = backward[k - 1 + offset]!;
        const above = backward[k + 1 + offset]!;
        let x = below < above ? below : above - 1;
        let y = x - k;
        while (x > a0 && y > b0 && a[x - 1] === b[y - 1]) {
          x--;
          y--;
        }
        backward[k + offset] = x;
        if (!odd && k >= forwardLow && k <= forwardHigh && x <= forward[k + offset]!) return { a: x, b: y };
      }
      if (cost >= this.#maxCost)
        return this.#cheapSplit([forwardLow, forwardHigh], [backwardLow, backwardHigh], a0, a1, b0, b1);
    }
  }

  /** The furthest point that either search reached, inside the box. */
  #cheapSplit(
    [forwardLow, forwardHigh]: readonly [number, number],
    [backwardLow, backwardHigh]: readonly [number, number],
    a0: number,
    a1: number,
    b0: number,
    b1: number,
  ): Split {
    let bestForward: Split = { a: a0, b: b0 };
    for (let k = forwardHigh; k >= forwardLow; k -= 2) {
      const x = Math.min(this.#forward[k + this.#offset]!, a1, b1 + k);
      const y = x - k;
      if (y >= b0 && x >= a0 && x + y > bestForward.a + bestForward.b) bestForward = { a: x, b: y };
    }
    let bestBackward: Split = { a: a1, b: b1 };
    for (let k = backwardHigh; k >= backwardLow; k -= 2) {
      const x = Math.max(this.#backward[k + this.#offset]!, a0, b0 + k);
      const y = x - k;
      if (y <= b1 && x <= a1 && x + y < bestBackward.a + bestBackward.b) bestBackward = { a: x, b: y };
    }
    const forwardGain = bestForward.a + bestForward.b - a0 - b0;
    const backwardGain = a1 + b1 - bestBackward.a - bestBackward.b;
    return forwardGain >= backwardGain ? bestForward : bestBackward;
  }
}

/** Hunks between two integer sequences; near-linear where they are similar, bounded where they are not. */
export function diffSequences(
  a: Int32Array,
  b: Int32Array,
  maxCost = Math.max(256, Math.ceil(Math.sqrt(a.length + b.length))),
): DiffHunk[] {
  const differ = new Differ(a, b, maxCost);
  differ.run();
  return differ.hunks;
}
