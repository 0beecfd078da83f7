// A reward of your own: any object with a name and a `score`. Here: token-level rewards, less what an analyzer finds, less a
// small price for every `goto`.
import assert from 'node:assert/strict';
import { createRulesAnalyzer } from '@srcode/analyzers';
import {
  createAnalyzerReward,
  createSumReward,
  createTokenReward,
  type RewardStrategy,
} from '@srcode/rewards';

const noGoto: RewardStrategy = {
  name: 'no-goto',
  score(_pair, { text, tokenOffsets }) {
    const values = Float32Array.from(tokenOffsets, ([start, end]) =>
      text.slice(start, end).trim() === 'goto' ? -0.25 : 0,
    );
    return { values, spans: [], total: values.reduce((sum, value) => sum + value, 0) };
  },
};

const rules = createRulesAnalyzer();
const analyzer = createAnalyzerReward({
  analyze: async (code, language) => (await rules.analyze([{ code, language }]))[0] ?? [],
});
// The analyzer that shapes a reward must not be the only judge of the result.
const reward = createSumReward([
  { strategy: createTokenReward() },
  { strategy: analyzer, weight: 0.5 },
  noGoto,
]);

const pair = {
  id: 'greet',
  vulnerable: 'void greet(char *out, size_t n, const char *name) { strcpy(out, name); }',
  secure: 'void greet(char *out, size_t n, const char *name) { snprintf(out, n, "%s", name); }',
};
const score = async (text: string) => {
  const tokenOffsets = [...text.matchAll(/\s*\w+|\s*[^\w\s]/g)].map(
    (m) => [m.index, m.index + m[0].length] as const,
  );
  const { total, spans } = await reward.score(pair, { text, tokenOffsets });
  console.log(total.toFixed(2), text);
  for (const span of spans) console.log(`   ${span.value.toFixed(2)} ${span.reason}`);
  return total;
};

console.log(reward.name);
const secure = await score(pair.secure);
const vulnerable = await score(pair.vulnerable);
const jumping = await score(pair.secure.replace('{ ', '{ goto end; end: '));
assert(secure > 0.5);
assert(vulnerable < -1);
assert(jumping < secure - 0.2);
