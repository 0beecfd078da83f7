import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import {
  createManifest,
  ensureWritableFolder,
  finishManifest,
  InputError,
  type JobEvent,
  type Manifest,
  systemClock,
} from '@srcode/core';
import { armNames, type Placement, type Preset } from './preset.js';
import { inRun, runPaths } from './run-folder.js';
import { runInWorker } from './run-in-worker.js';
import { type Job, runJobs } from './run-jobs.js';
import type { StageContext } from './stage-context.js';
import { fingerprintStage, readStamp, writeStamp } from './stage-stamp.js';
import { lint } from './stages/lint-stage.js';
import { reflect, validate, writeCorpus } from './stages/prepare-data.js';
import { trainTokenizer } from './stages/train-tokenizer.js';
import type { WorkerTask } from './worker-protocol.js';
import { type RunResultsSummary, writeReports, writeRunResults } from './write-results.js';

/** Bump when a stage's code changes what it writes for equal options. */
const pipelineVersion = 1;

export type ReproductionEvent =
  | JobEvent
  | { readonly type: 'stage-start'; readonly stage: string }
  | {
      readonly type: 'stage-end';
      readonly stage: string;
      readonly summary: string;
      readonly seconds: number;
      /** Largest resident set of the stage's own process, bytes; null where it ran within this one. */
      readonly peakBytes: number | null;
      readonly skipped: boolean;
      readonly completed: number;
      readonly total: number;
    };

export interface ReproductionOptions {
  readonly preset: Preset;
  readonly seeds: readonly number[];
  readonly runFolder: string;
  /** Stages at a time. Default: cores, at most 4. */
  readonly concurrency?: number;
  readonly signal: AbortSignal;
  onEvent(event: ReproductionEvent): void;
}

export interface ReproductionResult extends RunResultsSummary {
  readonly runFolder: string;
  readonly html: string;
  readonly markdown: string;
  readonly backend: string;
  readonly seconds: number;
  /** Sum of the stages' own times, those of earlier sittings included; stages overlap, so it exceeds `seconds`. */
  readonly stageSeconds: number;
  /** Largest resident set that a stage's process had, bytes; null when no stage had one. */
  readonly peakBytes: number | null;
}

/** A stage of the plan: what it does, what it needs, which files prove it. */
interface Stage {
  readonly id: string;
  readonly needs: readonly string[];
  readonly options: unknown;
  readonly outputs: readonly string[];
  run(context: StageContext): Promise<StageOutcome>;
}

/** What a stage says of itself; `peakBytes` from those that have a process of their own. */
type StageOutcome = string | { readonly summary: string; readonly peakBytes: number };

export const replayedTeacher = {
  model: 'replay:srcode-scenario-corpus',
  replayed: true,
  note: 'answers recorded with the built-in corpus; no language model was asked',
} as const;

const syntheticParts = [
  'teacher: answers recorded with the built-in scenario corpus, replayed through a local server; no language model was asked',
  'model: a tiny transformer trained from scratch on the built-in corpus; its absolute rates say nothing about large models',
];

class Reproduction {
  readonly #options: ReproductionOptions;
  readonly #fingerprints = new Map<string, string>();
  /** Time and memory of every stage, as it was when the stage ran. */
  readonly costs: { stage: string; seconds: number; peakBytes: number | null }[] = [];
  backend = 'unknown';

  constructor(options: ReproductionOptions) {
    this.#options = options;
  }

  #worker(task: WorkerTask): (context: StageContext) => Promise<StageOutcome> {
    return async (context) => {
      const { preset, runFolder } = this.#options;
      const outcome = await runInWorker(
        { runFolder, preset, task },
        { signal: context.signal, onEvent: context.progress },
      );
      this.backend = outcome.backend;
      return outcome;
    };
  }

  stages(): Stage[] {
    const { preset, seeds } = this.#options;
    const modelFiles = (arm: string, seed: number) =>
      ['model.safetensors', 'config.json', 'tokenizer.json'].map(
        (file) => `${runPaths.model(arm, seed)}/${file}`,
      );
    const data: Stage[] = [
      {
        id: 'corpus',
        needs: [],
        options: preset.corpus,
        outputs: [runPaths.functions, runPaths.teacherRecords, runPaths.pretrainTexts, runPaths.tasks],
        run: (context) => writeCorpus(preset, context),
      },
      { id: 'reflection', needs: ['corpus'], options: null, outputs: [runPaths.reflected], run: reflect },
      {
        id: 'validation',
        needs: ['reflection'],
        options: null,
        outputs: [runPaths.primeVulPlus, runPaths.validation],
        run: validate,
      },
      { id: 'reward-lint', needs: ['validation'], options: null, outputs: [runPaths.rewardLint], run: lint },
      {
        id: 'tokenizer',
        needs: ['validation'],
        options: preset.tokenizer,
        outputs: [`${runPaths.tokenizer}/tokenizer.json`, `${runPaths.tokenizer}/tokenizer_config.json`],
        run: (context) => trainTokenizer(preset, context),
      },
    ];
    const benchStage = (arm: string, seed: number, trained: string): Stage => ({
      id: `bench-${arm}-seed${seed}`,
      needs: [trained],
      options: preset.bench,
      outputs: [runPaths.bench(arm, seed), runPaths.benchSummary(arm, seed)],
      run: this.#worker({ kind: 'bench', arm, seed }),
    });
    const training = seeds.flatMap((seed): Stage[] => {
      const placements: Placement[] = ['token', 'line', 'instance'];
      return [
        {
          id: `base-seed${seed}`,
          needs: ['tokenizer'],
          options: [preset.model, preset.pretrain, preset.optimizer, seed],
          outputs: modelFiles('base', seed),
          run: this.#worker({ kind: 'pretrain', seed }),
        },
        {
          id: `sft-seed${seed}`,
          needs: [`base-seed${seed}`],
          options: [preset.sft, preset.optimizer, seed],
          outputs: modelFiles('sft', seed),
          run: this.#worker({ kind: 'sft', seed }),
        },
        {
          id: `sft-more-seed${seed}`,
          needs: [`sft-seed${seed}`],
          options: [preset.sftMore, preset.optimizer, seed],
          outputs: modelFiles('sft-more', seed),
          run: this.#worker({ kind: 'sft-more', seed }),
        },
        ...placements.map(
          (placement): Stage => ({
            id: `ppo-${placement}-seed${seed}`,
            needs: [`sft-seed${seed}`],
            options: [preset.ppo, preset.optimizer, placement, seed],
            outputs: modelFiles(`ppo-${placement}`, seed),
            run: this.#worker({ kind: 'ppo', placement, seed }),
          }),
        ),
      ];
    });
    const benches = seeds.flatMap((seed) =>
      armNames.map((arm) => benchStage(arm, seed, `${arm}-seed${seed}`)),
    );
    return [...data, ...training, ...benches];
  }

  /** A stage as a job: skipped when its stamp says that it is done, stamped when it has run. */
  #toJob(stage: Stage, counts: { done: number; readonly total: number }): Job {
    const { runFolder, onEvent } = this.#options;
    return {
      id: stage.id,
      needs: stage.needs,
      run: async (signal) => {
        const fingerprint = fingerprintStage(
          stage.id,
          { version: pipelineVersion, options: stage.options },
          stage.needs.map((need) => this.#fingerprints.get(need) ?? ''),
        );
        this.#fingerprints.set(stage.id, fingerprint);
        const stamp = await readStamp(runFolder, stage.id, fingerprint);
        if (stamp !== null) {
          counts.done++;
          this.costs.push({ stage: stage.id, seconds: stamp.seconds, peakBytes: stamp.peakBytes });
          return onEvent({
            type: 'stage-end',
            stage: stage.id,
            summary: stamp.summary,
            seconds: stamp.seconds,
            peakBytes: stamp.peakBytes,
            skipped: true,
            completed: counts.done,
            total: counts.total,
          });
        }
        await this.#clearStale(stage, fingerprint);
        onEvent({ type: 'stage-start', stage: stage.id });
        const startedMs = systemClock.now();
        const outcome = await stage.run({ runFolder, signal, progress: onEvent });
        const seconds = (systemClock.now() - startedMs) / 1000;
        const { summary, peakBytes } =
          typeof outcome === 'string' ? { summary: outcome, peakBytes: null } : outcome;
        const { outputs } = stage;
        await writeStamp(runFolder, stage.id, { fingerprint, outputs, seconds, summary, peakBytes });
        this.costs.push({ stage: stage.id, seconds, peakBytes });
        counts.done++;
        onEvent({
          type: 'stage-end',
          stage: stage.id,
          summary,
          seconds,
          peakBytes,
          skipped: false,
          completed: counts.done,
          total: counts.total,
        });
      },
    };
  }

  /** Partial work of a stage is kept for resuming, unless it was begun with other options or inputs. */
  async #clearStale(stage: Stage, fingerprint: string): Promise<void> {
    const { runFolder } = this.#options;
    const begun = await readStamp(runFolder, `${stage.id}.begun`, fingerprint);
    if (begun !== null) return;
    for (const output of stage.outputs) await rm(inRun(runFolder, output), { force: true });
    const [, arm, seed] = /^(?:bench-)?(.+)-seed(\d+)$/.exec(stage.id) ?? [];
    if (arm && !stage.id.startsWith('bench-'))
      await rm(inRun(runFolder, runPaths.checkpoints(arm, Number(seed))), { recursive: true, force: true });
    if (stage.id === 'reflection') await rm(inRun(runFolder, 'data/pairs.failures.jsonl'), { force: true });
    await writeStamp(runFolder, `${stage.id}.begun`, {
      fingerprint,
      outputs: [],
      seconds: 0,
      summary: '',
      peakBytes: null,
    });
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    const stages = this.stages();
    const counts = { done: 0, total: stages.length };
    await runJobs(
      stages.map((stage) => this.#toJob(stage, counts)),
      { concurrency: this.#options.concurrency ?? Math.min(4, availableParallelism()), signal },
    );
  }
}

/** Keeps two reproductions out of one folder, and different presets out of each other's results. */
async function openRun(options: ReproductionOptions): Promise<Manifest> {
  await ensureWritableFolder(options.runFolder);
  return createManifest({
    command: 'reproduce',
    options: { preset: options.preset, seeds: options.seeds },
    seed: options.seeds.join(','),
    synthetic: syntheticParts,
  });
}

/**
 * Runs every stage of the paper from the corpus to the report in `runFolder` and returns the table of arms.
 *
 * Stages that are done, with equal options and inputs, are not done again; a stage that was interrupted goes on from its
 * last checkpoint or record. Throws what a stage throws; everything finished stays.
 */
export async function runReproduction(options: ReproductionOptions): Promise<ReproductionResult> {
  if (options.seeds.length === 0)
    throw new InputError({ code: 'USAGE', message: 'Expected at least one seed, got none.' });
  const startedMs = systemClock.now();
  const manifest = await openRun(options);
  const reproduction = new Reproduction(options);
  await reproduction.run();
  const { runFolder, preset, seeds } = options;
  const backend = reproduction.backend === 'unknown' ? await readBackend(runFolder) : reproduction.backend;
  const finished = await finishManifest(
    { ...manifest, extra: { backend, stages: reproduction.costs } },
    join(runFolder, runPaths.manifest),
    { outputs: {} },
  );
  const results = await writeRunResults({
    runFolder,
    preset: preset.name,
    seeds,
    backend,
    teacher: replayedTeacher,
    manifest: finished,
  });
  const reports = await writeReports(runFolder, options.signal);
  const peaks = reproduction.costs.flatMap(({ peakBytes }) => (peakBytes === null ? [] : [peakBytes]));
  return {
    ...results,
    ...reports,
    runFolder,
    backend,
    seconds: (systemClock.now() - startedMs) / 1000,
    stageSeconds: reproduction.costs.reduce((sum, cost) => sum + cost.seconds, 0),
    peakBytes: peaks.length === 0 ? null : Math.max(...peaks),
  };
}

async function readBackend(runFolder: string): Promise<string> {
  const { readManifest } = await import('@srcode/core');
  const earlier = await readManifest(join(runFolder, runPaths.manifest)).catch(() => null);
  return typeof earlier?.extra.backend === 'string' ? earlier.extra.backend : 'unknown';
}
