import { join } from 'node:path';
import { createCompiledOracle, detectAnalyzers, detectCompiler } from '@srcode/analyzers';
import { type ArmEntry, runBenchmark, summarizeArm } from '@srcode/benchmarks';
import { createManifest, ensureWritableFolder, finishManifest, Rng, writeFileAtomic } from '@srcode/core';
import type { BenchTask } from '@srcode/dataset';
import type { CliIo } from '../cli-io.js';
import { percent, renderTable } from '../render/table.js';
import { openSolver, type SolverOptions } from './open-solver.js';

/** Runs a suite of tasks on the model that the options name, and writes results, summary and manifest to `--out`. */
export async function runSuite(
  suite: string,
  tasks: readonly BenchTask[],
  options: SolverOptions,
  io: CliIo,
  inputs: Readonly<Record<string, string>> = {},
): Promise<void> {
  await ensureWritableFolder(options.out);
  const { solver, arm, facts, close } = await openSolver(options);
  const found = await detectAnalyzers(undefined, io.signal);
  const analyzers = found
    .filter(({ availability }) => availability.available)
    .map(({ analyzer }) => analyzer);
  const compiler = await detectCompiler();
  const oracle = compiler.available
    ? await createCompiledOracle({ compiler: compiler.compiler, cacheDir: join(options.out, 'cache') })
    : null;
  const resultsPath = join(options.out, 'results.jsonl');
  try {
    const manifest = await createManifest({
      command: `bench ${suite}`,
      options: { ...options },
      seed: options.seed,
      inputs,
      extra: { ...facts, tasks: tasks.length, analyzers: analyzers.map(({ name }) => name) },
    });
    const job = runBenchmark({
      suite,
      tasks: options.limit === undefined ? tasks : tasks.slice(0, options.limit),
      solver,
      arm,
      seed: options.seed,
      samplesPerTask: options.samples,
      oracle,
      analyzers,
      out: resultsPath,
      signal: io.signal,
    });
    let step = await job.next();
    for (; !step.done; step = await job.next()) io.progress(step.value);
    io.endProgress();
    const { results, oracle: judge, resumed, analyzerFailures } = step.value;
    const entry = summarizeArm(results, { rng: Rng.fromSeed(options.seed).fork('summary') });
    const summary = {
      suite,
      ...entry,
      oracle: judge,
      resumed,
      analyzers: analyzers.map(({ name }) => name),
      analyzerFailures,
      out: options.out,
    };
    await writeFileAtomic(join(options.out, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
    await finishManifest(manifest, join(options.out, 'manifest.json'), { outputs: { results: resultsPath } });
    if (io.json) io.out(JSON.stringify(summary, null, 2));
    else for (const line of renderEntry(entry, summary.analyzers, judge)) io.out(line);
    if (!io.json) io.out(`results: ${resultsPath}`);
  } finally {
    await oracle?.close();
    close();
  }
}

function renderEntry(entry: ArmEntry, analyzers: readonly string[], judge: 'compiled' | 'rules'): string[] {
  const rate = (
    name: 'parseRate' | 'compileRate' | 'functionalRate' | 'secureRate' | 'secureAndFunctionalRate',
  ) => {
    const interval = entry.intervals[name];
    return `${percent(entry[name])}${interval ? ` [${interval.map((end) => (end * 100).toFixed(0)).join('–')}]` : ''}`;
  };
  const { critical, high, medium, low } = entry.findings;
  return [
    renderTable(
      ['arm', 'n', 'parses', 'compiles', 'functional', 'secure', 'secure & functional'],
      [
        [
          entry.arm,
          entry.n,
          rate('parseRate'),
          rate('compileRate'),
          rate('functionalRate'),
          rate('secureRate'),
          rate('secureAndFunctionalRate'),
        ],
      ],
    ),
    `findings of ${analyzers.join(', ')}: ${critical} critical, ${high} high, ${medium} medium, ${low} low`,
    judge === 'compiled'
      ? 'judged by compiled drivers where a task has one'
      : 'NO C compiler here: function not measured, embedded rules stand in for the security tests',
  ];
}
