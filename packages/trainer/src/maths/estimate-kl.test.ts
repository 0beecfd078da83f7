import { Rng } from '@srcode/core';
import { describe, expect, it } from 'vitest';
import { estimateKl } from './estimate-kl.js';

const f32 = (...values: number[]) => Float32Array.from(values);

describe('estimateKl', () => {
  it('matches hand-computed values', () => {
    const policy = f32(Math.log(0.5), Math.log(0.2));
    const reference = f32(Math.log(0.25), Math.log(0.4));
    const d = [Math.log(2), -Math.log(2)];
    expect(estimateKl(policy, reference, 'k1')[0]).toBeCloseTo(d[0]!, 6);
    expect(estimateKl(policy, reference, 'k2')[1]).toBeCloseTo(d[1]! ** 2 / 2, 6);
    expect(estimateKl(policy, reference, 'k3')[0]).toBeCloseTo(0.5 - 1 + d[0]!, 6);
    expect(estimateKl(policy, reference, 'k3')[1]).toBeCloseTo(2 - 1 + d[1]!, 6);
  });

  it('is exactly 0 for equal models', () => {
    const same = f32(-1, -0.3);
    for (const estimator of ['k1', 'k2', 'k3'] as const)
      expect([...estimateKl(same, same, estimator)]).toEqual([0, 0]);
  });

  it('k1 and k3 average to the true divergence; k3 is never negative', () => {
    const p = [0.6, 0.3, 0.1];
    const q = [0.3, 0.3, 0.4];
    const truth = p.reduce((sum, pi, i) => sum + pi * Math.log(pi / q[i]!), 0);
    const rng = Rng.fromSeed(7);
    const n = 20_000;
    const policy = new Float32Array(n);
    const reference = new Float32Array(n);
    for (let i = 0; i < n; i++) {
      const u = rng.nextFloat();
      const k = u < 0.6 ? 0 : u < 0.9 ? 1 : 2;
      policy[i] = Math.log(p[k]!);
      reference[i] = Math.log(q[k]!);
    }
    const mean = (x: Float32Array) => x.reduce((a, b) => a + b, 0) / n;
    expect(mean(estimateKl(policy, reference, 'k1'))).toBeCloseTo(truth, 1);
    const k3 = estimateKl(policy, reference, 'k3');
    expect(mean(k3)).toBeCloseTo(truth, 1);
    expect(Math.min(...k3)).toBeGreaterThanOrEqual(0);
  });

  it('refuses different lengths', () => {
    expect(() => estimateKl(f32(1), f32(1, 2))).toThrow(/same tokens/);
  });
});
