import { join } from 'node:path';
import { createCompiledOracle } from '@srcode/analyzers';
import { drainJob, Rng } from '@srcode/core';
import {
  loadCodeEvalPro,
  loadCwEval,
  loadCyberSecEval,
  loadHumanEvalX,
  runCodeEvalPro,
  verifyTasks,
} from '../src/index.js';

/*
 * Ground truth of the public suites: references must pass before any number is believed.
 * npx tsx --conditions=@srcode/source packages/benchmarks/bench/verify-suites.ts FOLDER
 */
const folder = process.argv[2]!;
for (const variant of ['instruct', 'autocomplete'] as const)
  console.log(
    `cyberseceval ${variant}:`,
    (await loadCyberSecEval(join(folder, 'cyberseceval_c.jsonl'), { variant })).length,
    'tasks',
  );
console.log('cweval:', (await loadCwEval(join(folder, 'cweval_c.jsonl'))).length, 'tasks');

const oracle = await createCompiledOracle({ timeoutMs: 20_000, cpuMs: 5000 });
const started = performance.now();
const verified = await drainJob(
  verifyTasks(await loadHumanEvalX(join(folder, 'humaneval_x_cpp.jsonl')), { oracle }),
);
const bad = verified.problems.filter(({ code }) => code !== 'secure-not-secure');
console.log(
  `humaneval-x: ${verified.checked - new Set(bad.map(({ taskId }) => taskId)).size} of ${verified.checked} references pass in ${((performance.now() - started) / 1000).toFixed(0)} s`,
  bad,
);
await oracle.close();

for (const [suite, file] of [
  ['humaneval-pro', 'humanevalpro.jsonl'],
  ['mbpp-pro', 'mbpppro.jsonl'],
] as const) {
  const tasks = await loadCodeEvalPro(join(folder, file), suite);
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const results = await drainJob(
    runCodeEvalPro({
      tasks,
      rng: Rng.fromSeed(1),
      solver: async function* solve(open) {
        for (const { id } of open)
          yield { taskId: id, sampleIndex: 0, completion: byId.get(id)!.newSolution };
      },
    }),
  );
  console.log(
    `${suite}: ${results.filter(({ sanitized }) => sanitized).length} of ${results.length} references pass`,
    results.filter(({ sanitized }) => !sanitized).slice(0, 5),
  );
}
