import { createCompiledOracle, detectCompiler } from '@srcode/analyzers';
import { createFakeOracle } from '@srcode/analyzers/testing';
import { drainJob, Rng } from '@srcode/core';
import { instantiateScenario, scenarioFamilies, toBenchTask } from '@srcode/dataset';
import { describe, expect, it } from 'vitest';
import { runBenchmark } from './run-benchmark.js';
import { summarizeArm } from './statistics/summarize-arm.js';
import { createReferenceSolver, createTask } from './testing/index.js';
import { verifyTasks } from './verify-tasks.js';

describe('the check of the harness', () => {
  it('names each way in which a task cannot be trusted', async () => {
    const oracle = createFakeOracle(({ code }) => ({
      compiled: !code.includes('C'),
      functional: !code.includes('F'),
      secure: code.includes('C') ? null : !code.includes('S'),
      detail: code,
    }));
    const task = (id: string, secure: string | null, vulnerable: string | null) =>
      createTask({ id, referenceSecure: secure, referenceVulnerable: vulnerable });
    const { checked, skipped, problems } = await drainJob(
      verifyTasks(
        [
          task('ok', '', 'S'),
          task('a', 'C', 'C'),
          task('b', 'FS', 'F'),
          task('none', null, null),
          createTask({ id: 'x', driver: null }),
        ],
        { oracle },
      ),
    );
    expect({ checked, skipped }).toEqual({ checked: 3, skipped: 2 });
    expect(problems.map(({ taskId, code }) => `${taskId} ${code}`)).toEqual([
      'a secure-not-compiled',
      'a vulnerable-not-compiled',
      'b secure-not-functional',
      'b secure-not-secure',
      'b vulnerable-not-functional',
      'b vulnerable-passes-security',
    ]);
  });
});

const detection = await detectCompiler();

describe.runIf(detection.available)('the built-in corpus under the real oracle', () => {
  const tasks = scenarioFamilies()
    .filter((_, index) => index % 8 === 0)
    .map((family) => toBenchTask(instantiateScenario(family, 1, 5), 0));

  it('has references that do what they are for', async () => {
    const oracle = await createCompiledOracle();
    const { problems } = await drainJob(verifyTasks(tasks, { oracle }));
    expect(problems).toEqual([]);
    for (const side of ['secure', 'vulnerable'] as const) {
      const run = await drainJob(
        runBenchmark({
          suite: 'scenarios',
          tasks,
          solver: createReferenceSolver(side),
          arm: side,
          seed: 0,
          oracle,
        }),
      );
      const entry = summarizeArm(run.results, { rng: Rng.fromSeed(0) });
      expect(entry).toMatchObject({
        parseRate: 1,
        compileRate: 1,
        functionalRate: 1,
        secureRate: side === 'secure' ? 1 : 0,
        secureAndFunctionalRate: side === 'secure' ? 1 : 0,
      });
    }
    expect(oracle.stats().cacheHits).toBe(2 * tasks.length);
    await oracle.close();
  });
});
