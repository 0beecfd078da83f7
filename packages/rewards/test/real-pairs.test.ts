import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { lexTokens } from '@srcode/code';
import { drainJob } from '@srcode/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { createTokenReward, lintRewards, matchRollout, type RewardPair, tagReference } from '../src/index.js';
import { createLexicalCompletion } from '../src/testing/index.js';
import { renameIdentifiers } from './random-programs.js';

const shared =
  process.env.SRCODE_SHARED_DATA ?? fileURLToPath(new URL('../../../../shared/data', import.meta.url));
const file = `${shared}/primevul_pairs.jsonl`;

describe.runIf(existsSync(file))('rewards on real pairs', () => {
  let pairs: RewardPair[] = [];
  beforeAll(() => {
    pairs = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: string; vulnerable: string; fixed: string })
      .map(({ id, vulnerable, fixed }) => ({ id, vulnerable, secure: fixed }));
  });
  const reward = createTokenReward();
  const total = (pair: RewardPair, text: string): number =>
    reward.score(pair, createLexicalCompletion(text)).total;
  const sample = (step: number): RewardPair[] => pairs.filter((_, i) => i % step === 0);

  it('lie on both sides of every pair, and the secure side scores higher', async () => {
    const report = await drainJob(lintRewards(pairs));
    expect(report.parsed.count).toBeGreaterThan(1000);
    expect(report.parsed.bothSidesShare).toBeGreaterThanOrEqual(0.95);
    expect(report.parsed.orderedShare).toBe(1);
    expect(report.troubles.failed.count).toBe(0);
    for (const pair of sample(3)) {
      expect(tagReference(pair, 'secure').length).toBeGreaterThan(0);
      expect(tagReference(pair, 'vulnerable').length).toBeGreaterThan(0);
    }
  });

  it('survive renamed variables and an added statement', () => {
    let renamed = 0;
    let added = 0;
    let count = 0;
    for (const pair of sample(10)) {
      const called = new Set<string>();
      for (const text of [pair.secure, pair.vulnerable])
        for (const [i, token, tokens] of lexTokens(text).map((t, n, all) => [n, t, all] as const))
          if (tokens[i + 1]?.text === '(') called.add(token.text);
      const rename = (text: string): string =>
        renameIdentifiers(text, (name) =>
          called.has(name) || /^[A-Z0-9_]+$/.test(name) ? name : `my_${name}`,
        );
      count++;
      if (total(pair, rename(pair.secure)) > 0 && total(pair, rename(pair.vulnerable)) < 0) renamed++;
      const add = (text: string): string => text.replace('{', '{\n  log_debug("in %d", 1);\n');
      if (total(pair, add(pair.secure)) > 0 && total(pair, add(pair.vulnerable)) < 0) added++;
    }
    expect(renamed / count).toBeGreaterThan(0.97);
    expect(added / count).toBeGreaterThan(0.99);
  });

  it('are silent on functions that have nothing to do with the pair', () => {
    let hunks = 0;
    let silent = 0;
    for (const [i, pair] of sample(5).entries()) {
      for (const hunk of matchRollout(pair, pairs[(i * 37 + 11) % pairs.length]!.secure).hunks) {
        hunks++;
        if (hunk.outcome === 'silent') silent++;
      }
    }
    expect(silent / hunks).toBeGreaterThan(0.98);
  });
});
