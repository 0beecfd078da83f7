/**
 * How long diff, attribution and tagging take, and how they grow. Run from the repository root:
 *
 *   npx tsx --conditions=@srcode/source packages/rewards/bench/attribution.bench.ts
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { diffTokens, lexTokens } from '@srcode/code';
import { Rng } from '@srcode/core';
import { createTokenReward, type RewardPair, tagReference } from '../src/index.js';
import { createLexicalCompletion } from '../src/testing/index.js';

const names = Array.from({ length: 40 }, (_, i) => `var_${i}`);

/** A function of about `tokens` tokens whose secure side adds a check about every 150 tokens. */
function makePair(rng: Rng, tokens: number): RewardPair {
  const pick = (): string => rng.pick(names);
  const statements = [
    () => `${pick()} = ${pick()} + ${rng.nextInt(64)};`,
    () => `if (${pick()} > ${rng.nextInt(9)}) { ${pick()}->next = ${pick()}; }`,
    () => `call_${rng.nextInt(12)}(${pick()}, &${pick()});`,
    () => `for (i = 0; i < ${pick()}; i++) ${pick()}[i] = 0;`,
  ];
  const vulnerable: string[] = ['int work(struct state *s, int n) {'];
  const secure = [...vulnerable];
  for (let count = 0, next = 75; count < tokens; ) {
    const line = rng.pick(statements)();
    count += lexTokens(line).length;
    if (count > next) {
      next += 150;
      secure.push(`if (${pick()} >= ${pick()}) return -1;`);
    }
    vulnerable.push(line);
    secure.push(line);
  }
  const close = ['return 0;', '}'];
  return {
    id: 'bench',
    vulnerable: [...vulnerable, ...close].join('\n'),
    secure: [...secure, ...close].join('\n'),
  };
}

/** Median time of `run` in milliseconds. */
function median(run: () => void, repeats = 15): number {
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    run();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[repeats >> 1]!;
}

const show = (ms: number): string => `${ms.toFixed(2)} ms`;

function benchGrowth(): void {
  const rng = Rng.fromSeed(1);
  const reward = createTokenReward();
  const rows: Record<string, string>[] = [];
  for (const tokens of [200, 800, 1600, 3200, 8000]) {
    const pair = makePair(rng, tokens);
    const other = makePair(rng, tokens);
    const renamed = pair.secure.replaceAll('var_', 'name_').replace('return 0;', 'call_1(n);\nreturn 0;');
    const fresh = (): RewardPair => ({ ...pair });
    const score = (text: string) => median(() => reward.score(fresh(), createLexicalCompletion(text)));
    rows.push({
      tokens: String(lexTokens(pair.vulnerable).length),
      'lex + diff': show(median(() => diffTokens(lexTokens(pair.vulnerable), lexTokens(pair.secure)))),
      'diff + attribution, S': show(score(pair.secure)),
      V: show(score(pair.vulnerable)),
      'S renamed': show(score(renamed)),
      'unrelated code': show(score(other.secure)),
    });
  }
  console.table(rows);
}

function benchReal(): void {
  const shared =
    process.env.SRCODE_SHARED_DATA ?? fileURLToPath(new URL('../../../../shared/data', import.meta.url));
  const file = `${shared}/primevul_pairs.jsonl`;
  if (!existsSync(file)) {
    console.log(`No real pairs at ${file}; set SRCODE_SHARED_DATA to measure them.`);
    return;
  }
  const rows = readFileSync(file, 'utf8').trim().split('\n');
  const start = performance.now();
  const pairs = rows.map((line): RewardPair => {
    const { id, vulnerable, fixed } = JSON.parse(line) as { id: string; vulnerable: string; fixed: string };
    return { id, vulnerable, secure: fixed };
  });
  const read = performance.now();
  for (const pair of pairs) for (const side of ['secure', 'vulnerable'] as const) tagReference(pair, side);
  const tagged = performance.now();
  const reward = createTokenReward();
  for (const pair of pairs)
    for (const side of ['secure', 'vulnerable'] as const)
      reward.score(pair, createLexicalCompletion(pair[side]));
  const scored = performance.now();
  console.log(
    `${pairs.length} real pairs: read ${show(read - start)}, both sides tagged ${show(tagged - read)}, both sides scored as answers ${show(scored - tagged)}`,
  );
}

benchGrowth();
benchReal();
