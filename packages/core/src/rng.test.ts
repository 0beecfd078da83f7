import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rng } from './rng.js';

const draw = (rng: Rng, n: number): number[] => Array.from({ length: n }, () => rng.nextFloat());
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Pearson correlation. */
function correlation(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  const covariance = mean(a.map((x, i) => (x - meanA) * (b[i]! - meanB)));
  const deviation = (values: readonly number[], m: number): number =>
    Math.sqrt(mean(values.map((x) => (x - m) ** 2)));
  return covariance / (deviation(a, meanA) * deviation(b, meanB));
}

describe('Rng', () => {
  it('repeats itself from a seed, and keeps its numbers from one version to the next', () => {
    expect(draw(Rng.fromSeed(1), 100)).toEqual(draw(Rng.fromSeed(1), 100));
    expect(draw(Rng.fromSeed(1), 5)).not.toEqual(draw(Rng.fromSeed(2), 5));
    const rng = Rng.fromSeed('golden');
    expect([rng.nextUint32(), rng.nextUint32(), rng.nextUint32()]).toMatchInlineSnapshot(`
      [
        1150129735,
        3510091691,
        980932372,
      ]
    `);
    expect(Rng.fromSeed('golden').fork('child', 3).nextUint32()).toMatchInlineSnapshot(`4281290814`);
  });

  it('draws floats in [0, 1), uniform by a chi-squared test over 64 cells', () => {
    const n = 64_000;
    const cells = new Array<number>(64).fill(0);
    const rng = Rng.fromSeed('uniform');
    for (let i = 0; i < n; i++) {
      const value = rng.nextFloat();
      expect(value >= 0 && value < 1).toBe(true);
      cells[Math.floor(value * 64)]!++;
    }
    const chi = cells.reduce((sum, count) => sum + (count - n / 64) ** 2 / (n / 64), 0);
    // 63 degrees of freedom: 0.001 and 0.999 quantiles.
    expect(chi).toBeGreaterThan(33);
    expect(chi).toBeLessThan(104);
  });

  it('fills all 53 bits of a float', () => {
    const rng = Rng.fromSeed('bits');
    const seen = new Array<number>(53).fill(0);
    for (let i = 0; i < 2000; i++) {
      let bits = BigInt(rng.nextFloat() * 2 ** 53);
      for (let bit = 0; bit < 53; bit++, bits >>= 1n) seen[bit]! += Number(bits & 1n);
    }
    // 1000 ± 5 standard deviations of 22.
    for (const count of seen) expect(Math.abs(count - 1000)).toBeLessThan(112);
  });

  it('draws 32-bit unsigned integers over the whole range', () => {
    const rng = Rng.fromSeed(3);
    const values = Array.from({ length: 4000 }, () => rng.nextUint32());
    for (const value of values) expect(Number.isInteger(value) && value >= 0 && value < 2 ** 32).toBe(true);
    expect(Math.max(...values)).toBeGreaterThan(0.99 * 2 ** 32);
    expect(Math.min(...values)).toBeLessThan(0.01 * 2 ** 32);
  });

  it('draws normals of mean 0, variance 1, no skew and the right tails', () => {
    const rng = Rng.fromSeed('normal');
    const values = Array.from({ length: 40_000 }, () => rng.nextNormal());
    expect(mean(values)).toBeCloseTo(0, 1);
    expect(mean(values.map((x) => x * x))).toBeCloseTo(1, 1);
    expect(mean(values.map((x) => x ** 3))).toBeCloseTo(0, 1);
    expect(values.filter((x) => Math.abs(x) > 1.96).length / values.length).toBeCloseTo(0.05, 2);
    expect(Math.abs(correlation(values.slice(1), values.slice(0, -1)))).toBeLessThan(0.03);
  });

  it('draws integers in [0, bound) evenly and refuses other bounds', () => {
    const rng = Rng.fromSeed('int');
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 14_000; i++) counts[rng.nextInt(7)]!++;
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(210);
    for (const bound of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])
      expect(() => rng.nextInt(bound)).toThrow(RangeError);
    expect(rng.nextInt(1)).toBe(0);
    expect(() => rng.pick([])).toThrow(RangeError);
  });

  it('shuffles into every order equally often, without touching its input', () => {
    const rng = Rng.fromSeed('shuffle');
    const counts = new Map<string, number>();
    const input = Object.freeze(['a', 'b', 'c']);
    for (let i = 0; i < 6000; i++) {
      const key = rng.shuffle(input).join('');
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
    fc.assert(
      fc.property(fc.array(fc.integer()), (items) => {
        expect(rng.shuffle(items).sort((a, b) => a - b)).toEqual([...items].sort((a, b) => a - b));
      }),
    );
  });
});

describe('Rng.fork', () => {
  it('neither advances its parent nor depends on what the parent drew', () => {
    const parent = Rng.fromSeed(5);
    const untouched = draw(Rng.fromSeed(5), 10);
    const child = draw(parent.fork('child'), 10);
    expect(draw(parent, 10)).toEqual(untouched);
    expect(draw(parent.fork('child'), 10)).toEqual(child);
  });

  it('names streams without collisions: labels, indices and depth all count', () => {
    const root = Rng.fromSeed(1);
    const streams = [
      root,
      root.fork('a'),
      root.fork('a', 1),
      root.fork('a', '1'),
      root.fork('a', 1, 2),
      root.fork('a', 12),
      root.fork('a,1'),
      root.fork('a').fork('1'),
      root.fork('a').fork('a'),
      root.fork('aa'),
      root.fork(''),
      root.fork('', ''),
      root.fork('["a"]'),
      Rng.fromSeed('["srcode:1","a"]'),
      Rng.fromSeed(2).fork('a'),
    ];
    const firsts = streams.map((stream) => draw(stream, 2).join());
    expect(new Set(firsts).size).toBe(streams.length);
  });

  it('gives streams that do not correlate, neighbours in index included', () => {
    const root = Rng.fromSeed('independence');
    const streams = [
      root,
      ...Array.from({ length: 7 }, (_, i) => root.fork('sample', i)),
      root.fork('sample', 0).fork('sample', 0),
    ].map((stream) => draw(stream, 4000));
    for (let i = 0; i < streams.length; i++)
      for (let j = 0; j < i; j++) {
        // 4.5 standard deviations of 1/√4000.
        expect(Math.abs(correlation(streams[i]!, streams[j]!))).toBeLessThan(0.072);
        expect(Math.abs(correlation(streams[i]!.slice(1), streams[j]!.slice(0, -1)))).toBeLessThan(0.072);
      }
  });

  it('gives first draws of many forks that are uniform', () => {
    const root = Rng.fromSeed('first draws');
    const firsts = Array.from({ length: 8000 }, (_, i) => root.fork('f', i).nextFloat());
    const cells = new Array<number>(16).fill(0);
    for (const value of firsts) cells[Math.floor(value * 16)]!++;
    const chi = cells.reduce((sum, count) => sum + (count - 500) ** 2 / 500, 0);
    expect(chi).toBeLessThan(38);
    expect(Math.abs(correlation(firsts.slice(1), firsts.slice(0, -1)))).toBeLessThan(0.05);
  });
});
