import { describe, expect, it } from 'vitest';
import { type LearningRollout, normaliseRollouts } from './update-policy.js';

function learning(advantages: number[], direct: number[] | null = null): LearningRollout {
  const zeros = new Float32Array(advantages.length);
  return {
    sequence: { ids: new Int32Array(advantages.length + 1), promptLength: 1 },
    oldLogProbs: zeros,
    referenceLogProbs: zeros,
    taskRewards: Float32Array.from(advantages, (a, t) => a + (direct?.[t] ?? 0)),
    advantages: Float32Array.from(advantages),
    directAdvantages: direct === null ? null : Float32Array.from(direct),
    oldValues: zeros,
    returns: zeros,
  };
}

describe('normaliseRollouts', () => {
  it('scales by the rms over rewarded tokens of all rollouts together', () => {
    const [first, second] = normaliseRollouts([learning([3, 0]), learning([0, -4])], 'scale');
    const rms = Math.sqrt((9 + 16) / 2);
    expect(first!.advantages[0]).toBeCloseTo(3 / rms, 6);
    expect(second!.advantages[1]).toBeCloseTo(-4 / rms, 6);
    expect([first!.advantages[1], second!.advantages[0]]).toEqual([0, 0]);
  });

  it('bounds each token’s advantage after that, and leaves the others alone', () => {
    const [rollout] = normaliseRollouts([learning([-5, 1, 0.5, 0, 5])], 'none', 2);
    expect([...rollout!.advantages]).toEqual([-2, 1, 0.5, 0, 2]);
    const rewards = [-10, 1, 1, 1, 1];
    const [scaled] = normaliseRollouts([learning(rewards)], 'scale', 1);
    const rms = Math.sqrt(104 / 5);
    expect(scaled!.advantages[0]).toBe(-1);
    expect(scaled!.advantages[1]).toBeCloseTo(1 / rms, 6);
  });

  it('bounds the sum of an advantage that is split, and keeps the split’s proportions', () => {
    const [rollout] = normaliseRollouts([learning([-1, 0.5], [-4, 0.5])], 'none', 2);
    expect(rollout!.advantages[0]).toBeCloseTo(-0.4, 6);
    expect(rollout!.directAdvantages![0]).toBeCloseTo(-1.6, 6);
    expect([rollout!.advantages[1], rollout!.directAdvantages![1]]).toEqual([0.5, 0.5]);
  });
});
