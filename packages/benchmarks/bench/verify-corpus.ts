import { availableParallelism } from 'node:os';
import { createCompiledOracle } from '@srcode/analyzers';
import { drainJob } from '@srcode/core';
import { instantiateScenario, scenarioFamilies, toBenchTask } from '@srcode/dataset';
import { verifyTasks } from '../src/index.js';

/*
 * Checks the built-in corpus with the oracle and measures the oracle's speed, fresh and from its cache.
 * npx tsx --conditions=@srcode/source packages/benchmarks/bench/verify-corpus.ts [instances per family]
 */
const count = Number(process.argv[2] ?? 2);
const tasks = scenarioFamilies().flatMap((family) =>
  Array.from({ length: count }, (_, index) => toBenchTask(instantiateScenario(family, index, 1), 0)),
);
const oracle = await createCompiledOracle();
console.log(oracle.compiler.version, oracle.sandbox, oracle.compiler.extraFlags);
for (const round of ['fresh', 'cached']) {
  const started = performance.now();
  const { checked, problems } = await drainJob(verifyTasks(tasks, { oracle }));
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `${round}: ${checked} tasks, ${2 * checked} samples in ${seconds.toFixed(1)} s on ${availableParallelism()} cores: ${((2 * checked) / seconds).toFixed(1)} samples/s`,
  );
  if (round === 'fresh') for (const problem of problems) console.log(problem);
}
await oracle.close();
