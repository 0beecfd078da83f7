import type { Finding } from '@srcode/dataset';
import { describe, expect, it } from 'vitest';
import { createAnalyzerReward } from './create-analyzer-reward.js';
import { createTokenReward } from './create-rewards.js';
import { createSumReward } from './create-sum-reward.js';
import { RewardInputError } from './errors.js';
import { createLexicalCompletion, examplePairs } from './testing/index.js';

const { replacement } = examplePairs;
const finding = (line: number): Finding => ({
  analyzer: 'fake',
  ruleId: 'unsafe-copy',
  cwe: ['CWE-120'],
  severity: 'high',
  message: 'strcpy',
  line,
  column: null,
  endLine: null,
});
const completion = createLexicalCompletion(replacement.vulnerable);
const textOf = (values: Float32Array): string =>
  completion.tokenOffsets
    .filter((_, i) => values[i] !== 0)
    .map(([start, end]) => completion.text.slice(start, end))
    .join(' ');

describe('createAnalyzerReward', () => {
  it('puts a penalty by severity on the line of a finding, once per rule', async () => {
    const reward = createAnalyzerReward({ analyze: () => [finding(3), finding(3)] });
    const scored = await reward.score(replacement, completion);
    expect(scored.total).toBeCloseTo(-0.75, 9);
    expect(textOf(scored.values)).toBe('strcpy ( out , name ) ;');
    expect(scored.spans[0]).toMatchObject({ side: 'vulnerable', hunk: -1 });
  });

  it('caps the sum and takes lines that do not exist', async () => {
    const reward = createAnalyzerReward({
      analyze: async () => [finding(3), finding(2), finding(99)],
      maxPenalty: 1,
    });
    const scored = await reward.score(replacement, completion);
    expect(scored.total).toBeCloseTo(-1, 9);
    expect(Array.from(scored.values).reduce((a, b) => a + b, 0)).toBeCloseTo(-1, 6);
  });

  it('shows the analyzer the code block alone and finds the place again in the answer', async () => {
    let seen = '';
    const reward = createAnalyzerReward({
      analyze: (code) => {
        seen = code;
        return [finding(3)];
      },
    });
    const text = `Sure:\n\`\`\`c\n${replacement.vulnerable}\`\`\`\n`;
    const { spans } = await reward.score(replacement, createLexicalCompletion(text));
    expect(seen).toBe(replacement.vulnerable);
    expect(text.slice(spans[0]!.start, spans[0]!.end)).toBe('strcpy(out, name);');
  });

  it('passes an analyzer’s failure on', async () => {
    const reward = createAnalyzerReward({ analyze: () => Promise.reject(new Error('broken tool')) });
    await expect(reward.score(replacement, completion)).rejects.toThrow('broken tool');
  });
});

describe('createSumReward', () => {
  it('adds strategies with weights, token by token', async () => {
    const sum = createSumReward([
      createTokenReward(),
      { strategy: createAnalyzerReward({ analyze: () => [finding(3)] }), weight: 2 },
    ]);
    const scored = await sum.score(replacement, completion);
    expect(sum.name).toBe('sum(token+2*analyzer)');
    expect(scored.total).toBeCloseTo(-1 - 1.5, 9);
    expect(Array.from(scored.values).reduce((a, b) => a + b, 0)).toBeCloseTo(scored.total, 6);
    expect(scored.spans.reduce((total, span) => total + span.value, 0)).toBeCloseTo(scored.total, 9);
  });

  it('refuses no parts, and parts of another length', async () => {
    expect(() => createSumReward([])).toThrow(RewardInputError);
    const short = { name: 'short', score: () => ({ values: new Float32Array(1), spans: [], total: 0 }) };
    await expect(createSumReward([short]).score(replacement, completion)).rejects.toThrow(/short/);
  });
});
