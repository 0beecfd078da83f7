// Token-level rewards of an answer that matches neither side of its pair: names are other ones, the check is worded otherwise.
import assert from 'node:assert/strict';
import {
  createInstanceReward,
  createLineReward,
  createTokenReward,
  explainRewards,
  renderAnsiHeatMap,
} from '@srcode/rewards';

const pair = {
  id: 'get',
  vulnerable: 'int get(const int *a, int n, int i) {\n  trace(i);\n  return a[i];\n}',
  secure:
    'int get(const int *a, int n, int i) {\n  trace(i);\n  if (i < 0 || i >= n) return -1;\n  return a[i];\n}',
};

const answers = {
  checked:
    'int get(const int *p, int len, int k) {\n  trace(k);\n  if (k < 0 || k >= len) return -1;\n  return p[k];\n}',
  unchecked: 'int get(const int *p, int len, int k) {\n  trace(k);\n  return p[k];\n}',
  unrelated: 'void hello(void) {\n  puts("hello");\n}',
};

/** Stands for a tokenizer: any cut of the text will do, rewards go by characters. */
const cut = (text: string) =>
  [...text.matchAll(/\s*\w+|\s*[^\w\s]/g)].map((m) => [m.index, m.index + m[0].length] as const);

const totals: Record<string, number> = {};
for (const [name, text] of Object.entries(answers)) {
  const tokenOffsets = cut(text);
  const { values, total, spans } = createTokenReward().score(pair, { text, tokenOffsets });
  totals[name] = total;
  console.log(`\n${name}: total ${total.toFixed(2)}${spans[0] ? ` (${spans[0].reason})` : ''}`);
  console.log(renderAnsiHeatMap(text, tokenOffsets, values, { color: process.stdout.isTTY === true }));
}

// The answer that has the check is paid for, the one that lacks it pays, and what is about something else does neither.
assert(totals.checked! > 0.5);
assert(totals.unchecked! < -0.5);
assert.equal(totals.unrelated, 0);

// The other placements move the same total to other tokens.
const checked = { text: answers.checked, tokenOffsets: cut(answers.checked) };
for (const create of [createTokenReward, createLineReward, createInstanceReward]) {
  const strategy = create();
  const { values, total } = strategy.score(pair, checked);
  console.log(
    `${strategy.name}: ${values.filter((v) => v !== 0).length} of ${values.length} tokens carry ${total.toFixed(2)}`,
  );
  assert(Math.abs(values.reduce((sum, v) => sum + v, 0) - totals.checked!) < 1e-5);
}

// Why: each hunk with the scores of both its sides.
const [hunk] = explainRewards(pair, answers.checked).hunks;
assert(hunk);
console.log(hunk.sentence);
