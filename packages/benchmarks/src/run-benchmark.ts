import { access } from 'node:fs/promises';
import {
  type Analyzer,
  type CompiledOracle,
  createRulesAnalyzer,
  rulesAnalyzerName,
} from '@srcode/analyzers';
import {
  JsonlWriter,
  type ProgressEvent,
  Rng,
  readJsonl,
  repairJsonlTail,
  throwIfCancelled,
  type WarningEvent,
} from '@srcode/core';
import { type BenchResult, type BenchTask, benchResultSchema } from '@srcode/dataset';
import { BenchmarkInputError } from './errors.js';
import { extractAnswer } from './extract-answer.js';
import {
  createAnalyzerScorer,
  createOracleScorer,
  createParseScorer,
  createRulesStandIn,
} from './scorers.js';
import type { Sample, Score, ScoredInput, Scorer, Solver } from './types.js';

export interface RunBenchmarkOptions {
  readonly suite: string;
  readonly tasks: readonly BenchTask[];
  readonly solver: Solver;
  /** Name of what is measured, e.g. `base`, `sft`, `ppo-token`. */
  readonly arm: string;
  readonly seed: number;
  /** Default 1. */
  readonly samplesPerTask?: number;
  /** Null: no compiler here; the embedded rules stand in for security and function stays unmeasured. */
  readonly oracle: CompiledOracle | null;
  /** Default: the embedded rules. */
  readonly analyzers?: readonly Analyzer[];
  /** Samples scored together. Default 32. */
  readonly batchSize?: number;
  /** JSON Lines file of results; results already in it are kept and not solved again. */
  readonly out?: string;
  readonly signal?: AbortSignal;
}

/** Progress (`completed` of `total` samples, with rates so far), and warnings: no compiler, an analyzer that broke. */
export type BenchmarkEvent = ProgressEvent | WarningEvent;

export interface BenchmarkRun {
  /** By task in the order given, then by sample. */
  readonly results: readonly BenchResult[];
  readonly oracle: 'compiled' | 'rules';
  /** Results that an earlier run had left in `out`. */
  readonly resumed: number;
  /** Analyzer → inputs on which it broke. */
  readonly analyzerFailures: Readonly<Record<string, number>>;
}

const keyOf = (taskId: string, sampleIndex: number): string => `${taskId}\0${sampleIndex}`;

async function loadEarlier(options: RunBenchmarkOptions): Promise<Map<string, BenchResult>> {
  const earlier = new Map<string, BenchResult>();
  if (options.out === undefined) return earlier;
  await repairJsonlTail(options.out);
  const exists = await access(options.out).then(
    () => true,
    () => false,
  );
  if (!exists) return earlier;
  for await (const result of readJsonl(options.out, benchResultSchema)) {
    if (result.arm !== options.arm || result.seed !== options.seed || result.suite !== options.suite)
      throw new BenchmarkInputError({
        code: 'BENCH_OUT_OF_OTHER_RUN',
        message: `Expected ${options.out} to hold results of ${options.suite}, arm ${options.arm}, seed ${options.seed}; it holds ${result.suite}, arm ${result.arm}, seed ${result.seed}. Choose another file or remove it.`,
        context: { path: options.out, arm: result.arm, seed: result.seed, suite: result.suite },
      });
    earlier.set(keyOf(result.taskId, result.sampleIndex), result);
  }
  return earlier;
}

function checkTasks(tasks: readonly BenchTask[]): Map<string, BenchTask> {
  const byId = new Map<string, BenchTask>();
  for (const task of tasks) {
    if (byId.has(task.id))
      throw new BenchmarkInputError({
        code: 'BENCH_DUPLICATE_TASK',
        message: `Expected task ids to be unique, got "${task.id}" twice.`,
        context: { id: task.id },
      });
    byId.set(task.id, task);
  }
  return byId;
}

/** One result from the scores of a sample. */
function combine(input: ScoredInput, scores: readonly Score[], options: RunBenchmarkOptions): BenchResult {
  const merged = Object.assign({}, ...scores) as Score;
  const compiled = merged.compiled ?? null;
  const functional = merged.functional ?? null;
  const secure = merged.secure ?? null;
  const details = scores.map(({ detail }) => detail).filter((detail) => typeof detail === 'string');
  const isJudged = options.oracle !== null && compiled !== null && input.task.cwe.length > 0;
  return {
    taskId: input.task.id,
    suite: options.suite,
    arm: options.arm,
    seed: options.seed,
    sampleIndex: input.sample.sampleIndex,
    family: input.task.family,
    split: input.task.split,
    completion: input.sample.completion,
    parsed: merged.parsed ?? false,
    compiled,
    functional,
    secure,
    secureAndFunctional: isJudged ? functional === true && secure === true : null,
    oracle: options.oracle === null ? 'rules' : 'compiled',
    findings: scores.flatMap(({ findings }) => findings ?? []),
    detail: details.length === 0 ? null : details.join('; '),
  };
}

async function scoreBatch(
  batch: readonly Sample[],
  byId: ReadonlyMap<string, BenchTask>,
  scorers: readonly Scorer[],
  options: RunBenchmarkOptions,
): Promise<BenchResult[]> {
  const inputs = batch.map((sample): ScoredInput => {
    const task = byId.get(sample.taskId)!;
    return { task, sample, code: extractAnswer(sample.completion) };
  });
  const columns = await Promise.all(scorers.map((scorer) => scorer.score(inputs, options.signal)));
  return inputs.map((input, row) =>
    combine(
      input,
      columns.map((column) => column[row] ?? {}),
      options,
    ),
  );
}

function rateSoFar(
  results: Iterable<BenchResult>,
  key: 'parsed' | 'functional' | 'secure' | 'secureAndFunctional',
): number {
  let measured = 0;
  let positive = 0;
  for (const result of results) {
    if (result[key] === null) continue;
    measured++;
    if (result[key]) positive++;
  }
  return measured === 0 ? 0 : positive / measured;
}

function progress(done: ReadonlyMap<string, BenchResult>, total: number): ProgressEvent {
  const results = [...done.values()];
  return {
    type: 'progress',
    stage: 'samples',
    completed: done.size,
    total,
    metrics: {
      parsed: rateSoFar(results, 'parsed'),
      functional: rateSoFar(results, 'functional'),
      secure: rateSoFar(results, 'secure'),
      secureAndFunctional: rateSoFar(results, 'secureAndFunctional'),
    },
  };
}

/** Groups what the solver gives; samples that are done, unknown or out of range are left out. */
async function* batchesOf(
  samples: AsyncIterable<Sample>,
  size: number,
  isWanted: (sample: Sample) => boolean,
): AsyncGenerator<Sample[]> {
  let batch: Sample[] = [];
  for await (const sample of samples) {
    if (!isWanted(sample)) continue;
    batch.push(sample);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/**
 * Runs a suite on one arm: solve, extract, score, write. Yields progress and warnings, returns all results.
 *
 * Each batch is on disk before the next is scored; a run that was stopped goes on from there with the same options. The
 * next batch is solved while the last is scored. Throws `BenchmarkInputError`, `CancelledError`, and what solver or
 * oracle throw.
 */
export async function* runBenchmark(
  options: RunBenchmarkOptions,
): AsyncGenerator<BenchmarkEvent, BenchmarkRun> {
  const byId = checkTasks(options.tasks);
  const samplesPerTask = options.samplesPerTask ?? 1;
  const total = options.tasks.length * samplesPerTask;
  const done = await loadEarlier(options);
  const wantedKeys = new Set(
    options.tasks.flatMap((task) =>
      Array.from({ length: samplesPerTask }, (_, sample) => keyOf(task.id, sample)),
    ),
  );
  for (const key of done.keys()) if (!wantedKeys.has(key)) done.delete(key);
  const resumed = done.size;
  const failures: Record<string, number> = {};
  const warnings: WarningEvent[] = [];
  const analyzers = options.analyzers ?? [createRulesAnalyzer()];
  const scorers: Scorer[] = [
    createParseScorer(),
    options.oracle ? createOracleScorer(options.oracle) : createRulesStandIn(findRules(analyzers)),
    ...analyzers.map((analyzer) =>
      createAnalyzerScorer(analyzer, {
        onFailure: (taskId, message) => {
          failures[analyzer.name] = (failures[analyzer.name] ?? 0) + 1;
          if (failures[analyzer.name] === 1)
            warnings.push({
              type: 'warning',
              code: 'ANALYZER_FAILED',
              message: `${analyzer.name} broke on an answer to ${taskId}: ${message} Such answers get no findings of it and are counted.`,
            });
        },
      }),
    ),
  ];
  if (options.oracle === null)
    yield {
      type: 'warning',
      code: 'COMPILER_MISSING',
      message:
        'No C compiler: function is not measured, and the embedded rules stand in for the security tests (oracle: rules).',
    };
  yield progress(done, total);

  const openTasks = options.tasks.filter((task) =>
    Array.from({ length: samplesPerTask }, (_, sample) => keyOf(task.id, sample)).some(
      (key) => !done.has(key),
    ),
  );
  const rng = Rng.fromSeed(options.seed).fork('benchmark', options.suite, options.arm);
  const writer = options.out === undefined ? null : await JsonlWriter.open(options.out);
  const taken = new Set(done.keys());
  const isWanted = ({ taskId, sampleIndex }: Sample): boolean => {
    const key = keyOf(taskId, sampleIndex);
    if (!wantedKeys.has(key) || taken.has(key)) return false;
    taken.add(key);
    return true;
  };
  const finish = async (scoring: Promise<BenchResult[]>): Promise<void> => {
    for (const result of await scoring) {
      done.set(keyOf(result.taskId, result.sampleIndex), result);
      await writer?.write(result);
    }
  };
  let scoring: Promise<BenchResult[]> | null = null;
  try {
    const samples =
      openTasks.length === 0
        ? emptySamples()
        : options.solver(openTasks, {
            samplesPerTask,
            rng,
            ...(options.signal === undefined ? {} : { signal: options.signal }),
          });
    for await (const batch of batchesOf(samples, options.batchSize ?? 32, isWanted)) {
      throwIfCancelled(options.signal);
      if (scoring) {
        await finish(scoring);
        yield* warnings.splice(0);
        yield progress(done, total);
      }
      scoring = scoreBatch(batch, byId, scorers, options);
      // It is awaited in the next turn; until then a failure must not count as unhandled.
      scoring.catch(() => {});
    }
    if (scoring) await finish(scoring);
    yield* warnings.splice(0);
    yield progress(done, total);
  } finally {
    await scoring?.catch(() => {});
    await writer?.close();
  }
  const results = [...wantedKeys].map((key) => done.get(key)).filter((result) => result !== undefined);
  if (results.length < total)
    throw new BenchmarkInputError({
      code: 'BENCH_SAMPLES_MISSING',
      message: `Expected the solver to give ${total} samples, got ${results.length}. What was scored is kept${options.out === undefined ? '' : ` in ${options.out}`}.`,
      context: { expected: total, got: results.length },
    });
  return {
    results,
    oracle: options.oracle === null ? 'rules' : 'compiled',
    resumed,
    analyzerFailures: failures,
  };
}

async function* emptySamples(): AsyncGenerator<Sample> {}

function findRules(analyzers: readonly Analyzer[]): Analyzer {
  return analyzers.find((analyzer) => analyzer.name === rulesAnalyzerName) ?? createRulesAnalyzer();
}
