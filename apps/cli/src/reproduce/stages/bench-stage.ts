import { join } from 'node:path';
import { type Analyzer, createCompiledOracle, createRulesAnalyzer, detectCompiler } from '@srcode/analyzers';
import { runBenchmark } from '@srcode/benchmarks';
import { readJsonl, writeFileAtomic } from '@srcode/core';
import { type BenchTask, benchTaskSchema } from '@srcode/dataset';
import { loadModel } from '@srcode/model';
import { openingOf } from '../../training/chat-ids.js';
import { createModelSolver } from '../../training/model-solver.js';
import type { Preset } from '../preset.js';
import { inRun, runPaths } from '../run-folder.js';
import type { StageContext } from '../stage-context.js';

/** Samples an arm's answers to the held-out tasks, builds and runs them, and asks every analyzer. */
export async function bench(
  preset: Preset,
  arm: string,
  seed: number,
  analyzers: readonly Analyzer[],
  context: StageContext,
): Promise<string> {
  const at = (path: string) => inRun(context.runFolder, path);
  const tasks: BenchTask[] = [];
  for await (const task of readJsonl(at(runPaths.tasks), benchTaskSchema)) tasks.push(task);
  const { model, tokenizer } = await loadModel(at(runPaths.model(arm, seed)));
  const compiler = await detectCompiler();
  const oracle = compiler.available
    ? await createCompiledOracle({
        compiler: compiler.compiler,
        cacheDir: join(context.runFolder, 'cache', 'oracle', `${arm}-seed${seed}`),
      })
    : null;
  try {
    const job = runBenchmark({
      suite: 'scenarios',
      tasks,
      solver: createModelSolver(model, tokenizer, {
        ...preset.bench,
        openingOf: (task) => openingOf(task.referenceSecure ?? ''),
      }),
      arm,
      seed,
      samplesPerTask: preset.bench.samplesPerTask,
      oracle,
      analyzers: [createRulesAnalyzer(), ...analyzers],
      out: at(runPaths.bench(arm, seed)),
      signal: context.signal,
    });
    for (;;) {
      const step = await job.next();
      if (step.done) {
        const { results, oracle: how, analyzerFailures } = step.value;
        await writeFileAtomic(
          at(runPaths.benchSummary(arm, seed)),
          `${JSON.stringify({ n: results.length, oracle: how, analyzerFailures }, null, 2)}\n`,
        );
        return `${results.length} samples judged by ${how === 'compiled' ? 'compiled drivers' : 'embedded rules (no compiler)'}`;
      }
      const event = step.value;
      context.progress(
        event.type === 'progress' ? { ...event, stage: `bench ${arm} (seed ${seed})` } : event,
      );
    }
  } finally {
    await oracle?.close();
    model.dispose();
  }
}
