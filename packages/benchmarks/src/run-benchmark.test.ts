import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Analyzer } from '@srcode/analyzers';
import { AnalyzerFailedError } from '@srcode/analyzers';
import { createFakeAnalyzer, createFakeOracle, createFinding } from '@srcode/analyzers/testing';
import { CancelledError, drainJob } from '@srcode/core';
import { benchResultSchema } from '@srcode/dataset';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BenchmarkInputError } from './errors.js';
import { type BenchmarkEvent, type RunBenchmarkOptions, runBenchmark } from './run-benchmark.js';
import { createFakeSolver, createTask } from './testing/index.js';
import type { Solver } from './types.js';

const good = 'int f(void) { return 0; }';
const tasks = Array.from({ length: 6 }, (_, index) =>
  createTask({ id: `t${index}`, family: `family-${index % 3}` }),
);

/** Judges by words in the answer. */
const oracle = () =>
  createFakeOracle(({ code }) => {
    const compiled = !code.includes('broken');
    return {
      compiled,
      functional: compiled && !code.includes('wrong'),
      secure: compiled ? !code.includes('unsafe') : null,
      detail: compiled ? null : 'compile: broken',
    };
  });

const analyzer = createFakeAnalyzer(({ code }) => (code.includes('unsafe') ? [createFinding()] : []));

const options = (extra: Partial<RunBenchmarkOptions> = {}): RunBenchmarkOptions => ({
  suite: 'fake',
  tasks,
  solver: createFakeSolver(() => good),
  arm: 'base',
  seed: 1,
  samplesPerTask: 2,
  oracle: oracle(),
  analyzers: [analyzer],
  batchSize: 4,
  ...extra,
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'srcode-bench-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a benchmark run', () => {
  it('scores each sample on all counts, in the order of the tasks, with progress', async () => {
    const answers = [
      'int f(void) { return 0; }',
      'int f(void) { return unsafe; }',
      'int f(void) { return wrong; }',
      'int f(void) { broken }',
      'no code at all',
      'int g(void) { return 0; }',
    ];
    const events: BenchmarkEvent[] = [];
    const run = await drainJob(
      runBenchmark(
        options({ samplesPerTask: 1, solver: createFakeSolver(({ id }) => answers[Number(id[1])]!) }),
      ),
      (event) => events.push(event),
    );
    expect(
      run.results.map((r) => [
        r.taskId,
        r.parsed,
        r.compiled,
        r.functional,
        r.secure,
        r.secureAndFunctional,
        r.findings.length,
      ]),
    ).toEqual([
      ['t0', true, true, true, true, true, 0],
      ['t1', true, true, true, false, false, 1],
      ['t2', true, true, false, true, false, 0],
      ['t3', expect.any(Boolean), false, false, null, false, 0],
      ['t4', false, true, true, true, true, 0],
      ['t5', false, true, true, true, true, 0],
    ]);
    expect(run.results[5]!.detail).toContain('no function f');
    for (const result of run.results) expect(benchResultSchema.parse(result)).toEqual(result);
    expect(events.at(-1)).toMatchObject({
      type: 'progress',
      completed: 6,
      total: 6,
      metrics: { secure: 4 / 5 },
    });
  });

  it('goes on where it stopped, whatever the crash left, and gives what one run gives', async () => {
    const solver: Solver = async function* solve(open, { samplesPerTask, rng }) {
      for (const task of open)
        for (let sampleIndex = 0; sampleIndex < samplesPerTask; sampleIndex++) {
          const draw = rng.fork(task.id, sampleIndex).nextInt(3);
          yield {
            taskId: task.id,
            sampleIndex,
            completion: `int f(void) { return ${['ok', 'unsafe', 'wrong'][draw]}; }`,
          };
        }
    };
    const out = join(folder, 'resume.jsonl');
    const whole = await drainJob(runBenchmark(options({ solver })));
    const controller = new AbortController();
    const interrupted = drainJob(
      runBenchmark(options({ solver, out, signal: controller.signal })),
      (event) => {
        if (event.type === 'progress' && event.completed >= 4) controller.abort();
      },
    );
    await expect(interrupted).rejects.toThrow(CancelledError);
    const kept = (await readFile(out, 'utf8')).split('\n').length - 1;
    expect(kept).toBeGreaterThanOrEqual(4);
    await appendFile(out, '{"taskId": "t5", "sui');
    const solved: string[] = [];
    const counting: Solver = async function* count(open, solveOptions) {
      solved.push(...open.map(({ id }) => id));
      yield* solver(open, solveOptions);
    };
    const resumed = await drainJob(runBenchmark(options({ solver: counting, out })));
    expect(resumed.results).toEqual(whole.results);
    expect(resumed.resumed).toBe(kept);
    expect(solved).not.toContain('t0');
    const again = await drainJob(runBenchmark(options({ solver: counting, out })));
    expect(again.resumed).toBe(12);
    expect((await readFile(out, 'utf8')).trim().split('\n')).toHaveLength(12);
  });

  it('will not add to results of another arm, and names a line that is no result', async () => {
    const out = join(folder, 'other.jsonl');
    await drainJob(runBenchmark(options({ out })));
    await expect(drainJob(runBenchmark(options({ out, arm: 'sft' })))).rejects.toThrow(BenchmarkInputError);
    await writeFile(out, '{"taskId": 3}\n');
    await expect(drainJob(runBenchmark(options({ out })))).rejects.toThrow(`${out}:1`);
    await truncate(out, 0);
    await expect(drainJob(runBenchmark(options({ out })))).resolves.toMatchObject({ resumed: 0 });
  });

  it('lets the rules stand in without a compiler, and says so', async () => {
    const events: BenchmarkEvent[] = [];
    const strcpy = 'int f(char *d, char *s) { strcpy(d, s); return 0; }';
    const run = await drainJob(
      runBenchmark(
        options({
          oracle: null,
          samplesPerTask: 1,
          solver: createFakeSolver(({ id }) => (id === 't0' ? strcpy : id === 't1' ? 'x(' : good)),
        }),
      ),
      (event) => events.push(event),
    );
    expect(events).toContainEqual(expect.objectContaining({ type: 'warning', code: 'COMPILER_MISSING' }));
    expect(run.oracle).toBe('rules');
    expect(
      run.results
        .slice(0, 3)
        .map((r) => [r.oracle, r.compiled, r.functional, r.secure, r.secureAndFunctional]),
    ).toEqual([
      ['rules', null, null, false, null],
      ['rules', null, null, null, null],
      ['rules', null, null, true, null],
    ]);
  });

  it('takes a batch apart when an analyzer breaks, so that one answer costs only itself', async () => {
    const brittle: Analyzer = {
      ...analyzer,
      name: 'brittle',
      analyze: async (inputs) => {
        if (inputs.some(({ code }) => code.includes('poison')))
          throw new AnalyzerFailedError({ code: 'ANALYZER_FAILED', message: 'fell over' });
        return inputs.map(() => [createFinding({ analyzer: 'brittle' })]);
      },
    };
    const events: BenchmarkEvent[] = [];
    const run = await drainJob(
      runBenchmark(
        options({
          analyzers: [brittle],
          solver: createFakeSolver(({ id }) => (id === 't2' ? 'int f(void) { poison; }' : good)),
        }),
      ),
      (event) => events.push(event),
    );
    expect(run.analyzerFailures).toEqual({ brittle: 2 });
    expect(run.results.filter(({ findings }) => findings.length === 1)).toHaveLength(10);
    expect(events.filter(({ type }) => type === 'warning')).toHaveLength(1);
  });

  it('does not measure security where a task has no weakness, nor anything but parsing without a driver', async () => {
    const functional = createTask({ id: 'a', cwe: [] });
    const plain = createTask({ id: 'b', driver: null });
    const run = await drainJob(runBenchmark(options({ tasks: [functional, plain], samplesPerTask: 1 })));
    expect(run.results.map((r) => [r.compiled, r.functional, r.secure, r.secureAndFunctional])).toEqual([
      [true, true, null, null],
      [null, null, null, null],
    ]);
  });

  it('says when the solver gives too little, fails, or gives what nobody asked for', async () => {
    const lazy: Solver = async function* lazy() {
      yield { taskId: 't0', sampleIndex: 0, completion: good };
      yield { taskId: 't0', sampleIndex: 0, completion: 'twice' };
      yield { taskId: 'unknown', sampleIndex: 0, completion: good };
      yield { taskId: 't1', sampleIndex: 99, completion: good };
    };
    await expect(drainJob(runBenchmark(options({ solver: lazy })))).rejects.toThrow('12 samples, got 1');
    const failing: Solver = async function* failing() {
      yield { taskId: 't0', sampleIndex: 0, completion: good };
      throw new Error('model server is gone');
    };
    await expect(drainJob(runBenchmark(options({ solver: failing })))).rejects.toThrow(
      'model server is gone',
    );
    await expect(drainJob(runBenchmark(options({ tasks: [tasks[0]!, tasks[0]!] })))).rejects.toThrow(
      'unique',
    );
  });
});
