import { buildCorpus } from '@srcode/dataset';
import { describe, expect, it } from 'vitest';
import { createTokenReward } from '../src/index.js';
import { createLexicalCompletion } from '../src/testing/index.js';

const reward = createTokenReward();

describe('rewards on the built-in scenarios', () => {
  const instances = buildCorpus({ seed: 1, instancesPerFamily: 3 });

  it('are α for every secure function and −β for every vulnerable one', () => {
    expect(instances.length).toBeGreaterThan(100);
    for (const { id, vulnerable, secure } of instances) {
      const pair = { id, vulnerable, secure };
      expect([id, reward.score(pair, createLexicalCompletion(secure)).total]).toEqual([
        id,
        expect.closeTo(1, 6),
      ]);
      expect([id, reward.score(pair, createLexicalCompletion(vulnerable)).total]).toEqual([
        id,
        expect.closeTo(-1, 6),
      ]);
    }
  });

  it('tell the sides apart in another instance of the family, whose names, types and sizes differ', () => {
    let compared = 0;
    let wrong = 0;
    let right = 0;
    for (const one of instances) {
      for (const other of instances) {
        if (one === other || one.familyId !== other.familyId) continue;
        compared++;
        const secure = reward.score(one, createLexicalCompletion(other.secure)).total;
        const vulnerable = reward.score(one, createLexicalCompletion(other.vulnerable)).total;
        if (secure < 0 || vulnerable > 0) wrong++;
        if (secure > vulnerable) right++;
      }
    }
    expect(wrong / compared).toBeLessThan(0.02);
    expect(right / compared).toBeGreaterThan(0.95);
  });
});
