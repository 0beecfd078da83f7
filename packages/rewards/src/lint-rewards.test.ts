import { CancelledError, drainJob, type ProgressEvent } from '@srcode/core';
import { describe, expect, it } from 'vitest';
import { advantagesWithoutValues } from './internal/advantage-meter.js';
import {
  type LintRewardsOptions,
  type LintTokenizer,
  lintRewards,
  type RewardLintReport,
} from './lint-rewards.js';
import { examplePairs } from './testing/index.js';
import type { RewardPair } from './types.js';

const pairs = Object.values(examplePairs);
const lint = (options?: LintRewardsOptions, data: Iterable<RewardPair> = pairs): Promise<RewardLintReport> =>
  drainJob(lintRewards(data, options));

describe('lintRewards', () => {
  it('counts tokens, masses, sides and shapes', async () => {
    const report = await lint();
    expect(report).toMatchObject({
      pairs: 3,
      tokenization: 'lexical',
      bothSides: { count: 3, share: 1 },
      parsed: { count: 3, bothSides: 3, bothSidesShare: 1, orderedShare: 1 },
      hunks: { count: 3, insertionOnly: 1, deletionOnly: 1, replacing: 1, meanPerPair: 1 },
      truncation: { texts: 0, tokensLost: 0, massLostShare: 0 },
    });
    expect(report.secure.meanTotal).toBeCloseTo(1, 6);
    expect(report.vulnerable.meanTotal).toBeCloseTo(-1, 6);
    expect(report.gap.minimum).toBeCloseTo(2, 6);
    expect(report.secure.rewardedShare).toBeGreaterThan(0.05);
    expect(report.advantages).toMatchObject({ gamma: 1, lambda: 0, whiten: false, locality: 1 });
  });

  it('shows how γ = λ = 1 and whitening smear credit', async () => {
    const local = await lint();
    const smeared = await lint({ lambda: 1 });
    const whitened = await lint({ lambda: 1, whiten: true });
    expect(smeared.advantages.locality!).toBeLessThan(0.5);
    expect(whitened.advantages.touchedShare).toBeGreaterThan(0.9);
    expect(local.advantages.touchedShare).toBeLessThan(0.3);
  });

  it('counts what truncation loses and names the pairs', async () => {
    const report = await lint({ maxTokens: 20 });
    expect(report.truncation.texts).toBe(6);
    expect(report.truncation.massLostShare).toBeGreaterThan(0.2);
    expect(report.troubles['secure-empty'].count).toBeGreaterThan(0);
    expect(report.bothSides.share).toBeLessThan(1);
    expect(report.troubles.truncated.pairs[0]).toMatch(/^insertion \(secure: \d+ tokens\)$/);
  });

  it('names pairs without a difference and goes on after one that fails', async () => {
    const same = { id: 'same', vulnerable: 'int a;', secure: 'int  a; // x' };
    const huge = { id: 'huge', vulnerable: 'x'.repeat(2 ** 21 + 1), secure: 'y' };
    const report = await lint({}, [same, huge, ...pairs]);
    expect(report.pairs).toBe(5);
    expect(report.troubles['no-difference']).toEqual({ count: 1, pairs: ['same'] });
    expect(report.troubles['not-ordered'].pairs).toEqual(['same']);
    expect(report.troubles.failed).toMatchObject({
      count: 1,
      pairs: [expect.stringMatching(/^huge: Expected at most/)],
    });
    expect(report.bothSides.count).toBe(3);
  });

  it('uses the tokenizer that is given', async () => {
    // Three characters per token; ids count characters, so that they can be decoded alone.
    const tokenizer: LintTokenizer = {
      encode: (text) => Array.from(text, (char) => char.charCodeAt(0)),
      decodeWithOffsets: (ids) => {
        const text = String.fromCharCode(...Array.from(ids));
        const starts = Array.from({ length: Math.ceil(text.length / 3) }, (_, i) => i * 3);
        return {
          text,
          offsets: starts.map((start): [number, number] => [start, Math.min(text.length, start + 3)]),
        };
      },
    };
    const report = await lint({ tokenizer });
    expect(report.tokenization).toBe('tokenizer');
    expect(report.gap.positiveShare).toBe(1);
    const characters = pairs.reduce((sum, pair) => sum + Math.ceil(pair.secure.length / 3), 0);
    expect(report.secure.tokens).toBe(characters);
  });

  it('streams any iterable, reports progress and stops when cancelled', async () => {
    async function* many(): AsyncGenerator<RewardPair> {
      for (let i = 0; i < 60; i++) yield { ...examplePairs.insertion, id: `p${i}` };
    }
    const events: ProgressEvent[] = [];
    const report = await drainJob(lintRewards(many(), { total: 60 }), (event) => events.push(event));
    expect(report.pairs).toBe(60);
    expect(events.map(({ completed }) => completed)).toEqual([25, 50, 60]);
    await expect(drainJob(lintRewards(many(), { signal: AbortSignal.abort() }))).rejects.toThrow(
      CancelledError,
    );
  });

  it('is empty for no pairs', async () => {
    expect(await lint({}, [])).toMatchObject({
      pairs: 0,
      bothSides: { share: 0 },
      advantages: { locality: null },
    });
  });
});

describe('advantagesWithoutValues', () => {
  it('is the reward itself at λ = 0 and the discounted return at λ = 1', () => {
    expect([...advantagesWithoutValues([0, 1, 0, -2], 1, 0)]).toEqual([0, 1, 0, -2]);
    expect([...advantagesWithoutValues([0, 1, 0, -2], 1, 1)]).toEqual([-1, -1, -2, -2]);
    expect([...advantagesWithoutValues([0, 0, 4], 0.5, 1)]).toEqual([1, 2, 4]);
  });
});
