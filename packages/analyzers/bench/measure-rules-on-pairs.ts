import { readFileSync } from 'node:fs';
import { createRulesAnalyzer } from '@srcode/analyzers';

/*
 * Findings of the embedded rules on the two sides of real pairs (JSON Lines with `vulnerable` and `fixed`).
 * npx tsx --conditions=@srcode/source packages/analyzers/bench/measure-rules-on-pairs.ts FILE
 */
interface Pair {
  readonly vulnerable: string;
  readonly fixed: string;
}
const pairs = readFileSync(process.argv[2]!, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Pair);
const analyzer = createRulesAnalyzer();
const rules = new Map<
  string,
  { vulnerable: number; fixed: number; onlyVulnerable: number; onlyFixed: number }
>();
const flagged = { vulnerable: 0, fixed: 0, vulnerableMore: 0, fixedMore: 0 };
const started = performance.now();
for (const { vulnerable, fixed } of pairs) {
  const [before, after] = await analyzer.analyze([
    { code: vulnerable, language: 'c' },
    { code: fixed, language: 'c' },
  ]);
  if (before!.length > 0) flagged.vulnerable++;
  if (after!.length > 0) flagged.fixed++;
  if (before!.length > after!.length) flagged.vulnerableMore++;
  if (after!.length > before!.length) flagged.fixedMore++;
  for (const id of new Set([...before!, ...after!].map(({ ruleId }) => ruleId))) {
    const row = rules.get(id) ?? { vulnerable: 0, fixed: 0, onlyVulnerable: 0, onlyFixed: 0 };
    const n = before!.filter(({ ruleId }) => ruleId === id).length;
    const m = after!.filter(({ ruleId }) => ruleId === id).length;
    row.vulnerable += n;
    row.fixed += m;
    if (n > m) row.onlyVulnerable++;
    if (m > n) row.onlyFixed++;
    rules.set(id, row);
  }
}
console.log({ pairs: pairs.length, ...flagged, seconds: (performance.now() - started) / 1000 });
console.table(Object.fromEntries([...rules].sort((a, b) => b[1].vulnerable - a[1].vulnerable)));
