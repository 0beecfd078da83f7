import { join } from 'node:path';
import { loadCodeEvalPro, loadHumanEvalX, type ProResult, runCodeEvalPro } from '@srcode/benchmarks';
import { createManifest, ensureWritableFolder, finishManifest, JsonlWriter, Rng } from '@srcode/core';
import { type Command, Option } from 'commander';
import { openSolver, type SolverOptions, withSolverOptions } from '../../bench/open-solver.js';
import { runSuite } from '../../bench/run-suite.js';
import type { CliIo } from '../../cli-io.js';
import { percent } from '../../render/table.js';
import { runAction } from '../../run-action.js';

interface FunctionalOptions extends SolverOptions {
  readonly suite: 'humaneval-x' | 'humaneval-pro' | 'mbpp-pro';
  readonly tasks: string;
}

export function registerFunctional(bench: Command): void {
  withSolverOptions(bench.command('functional'))
    .description(
      'whether a model’s code does what it should: HumanEval-X (C++), HumanEval Pro, MBPP Pro (Python)',
    )
    .addOption(
      new Option('--suite <name>', 'suite of the file')
        .choices(['humaneval-x', 'humaneval-pro', 'mbpp-pro'])
        .makeOptionMandatory(),
    )
    .requiredOption('--tasks <file>', 'the suite’s own JSON or JSON Lines file')
    .addHelpText(
      'after',
      '\nExample:\n  srcode bench functional --suite mbpp-pro --tasks mbpp_pro.json --model runs/ppo/model --out bench/mbpp',
    )
    .action(runAction(functionalAction));
}

async function functionalAction(options: FunctionalOptions, io: CliIo): Promise<void> {
  const { suite, tasks: file } = options;
  if (suite === 'humaneval-x')
    return runSuite(suite, await loadHumanEvalX(file), options, io, { tasks: file });
  await runPro(options, suite, io);
}

async function runPro(
  options: FunctionalOptions,
  suite: 'humaneval-pro' | 'mbpp-pro',
  io: CliIo,
): Promise<void> {
  await ensureWritableFolder(options.out);
  const all = await loadCodeEvalPro(options.tasks, suite);
  const tasks = options.limit === undefined ? all : all.slice(0, options.limit);
  const { solver, arm, facts, close } = await openSolver({ ...options, signature: false });
  let results: readonly ProResult[];
  try {
    const job = runCodeEvalPro({
      tasks,
      // Solvers read id and prompt alone.
      solver: (wanted, settings) => solver(wanted as unknown as Parameters<typeof solver>[0], settings),
      rng: Rng.fromSeed(options.seed).fork('benchmark', suite, arm),
      samplesPerTask: options.samples,
      signal: io.signal,
    });
    let step = await job.next();
    for (; !step.done; step = await job.next()) io.progress(step.value);
    results = step.value;
  } finally {
    close();
  }
  io.endProgress();
  const resultsPath = join(options.out, 'results.jsonl');
  const writer = await JsonlWriter.open(resultsPath, { append: false });
  for (const result of results) await writer.write({ ...result, suite, arm, seed: options.seed });
  await writer.close();
  const share = (key: 'raw' | 'sanitized') => results.filter((result) => result[key]).length / results.length;
  const summary = {
    suite,
    arm,
    seed: options.seed,
    n: results.length,
    raw: share('raw'),
    sanitized: share('sanitized'),
  };
  await finishManifest(
    await createManifest({
      command: `bench ${suite}`,
      options: { ...options },
      seed: options.seed,
      inputs: { tasks: options.tasks },
      extra: { ...facts, summary },
    }),
    join(options.out, 'manifest.json'),
    { outputs: { results: resultsPath } },
  );
  io.out(
    io.json
      ? JSON.stringify({ ...summary, out: options.out }, null, 2)
      : `${arm} on ${suite}: ${percent(summary.raw)} of ${summary.n} answers pass as written, ${percent(summary.sanitized)} with the code extracted\nresults: ${resultsPath}`,
  );
}
