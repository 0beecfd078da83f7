import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createManifest,
  ensureWritableFolder,
  finishManifest,
  InputError,
  type Manifest,
  Rng,
  readManifest,
  type WarningEvent,
  writeFileAtomic,
} from '@srcode/core';
import { attachLora, loraTargets, mergeLora, saveAdapter, saveModel } from '@srcode/model';
import {
  createFolderCheckpointStore,
  type MetricsEvent,
  type RolloutsEvent,
  toMetricsRecord,
} from '@srcode/trainer';
import type { CliIo } from '../cli-io.js';
import { type OpenedModel, openModel } from '../model/open-model.js';
import { StepLog } from '../training/step-log.js';
import { readTrainingData, type TrainingData } from './read-training-data.js';
import { toRolloutLines } from './to-rollout-lines.js';
import type { TrainOptions } from './train-options.js';

type TrainEvent =
  | MetricsEvent
  | RolloutsEvent
  | WarningEvent
  | { readonly type: 'resumed'; readonly stage: string; readonly step: number };

/** What a training command works with. */
export interface TrainingContext extends OpenedModel {
  readonly data: TrainingData;
  readonly options: TrainOptions;
  readonly rng: Rng;
  readonly io: CliIo;
  /** `run` of the trainer: stage, checkpoints, signal. */
  readonly run: {
    readonly stage: string;
    readonly signal: AbortSignal;
    readonly checkpoints: {
      readonly store: ReturnType<typeof createFolderCheckpointStore>;
      readonly everySteps: number;
    };
  };
}

/** A job to drive, and how its events are shown and its result told. */
export interface TrainingJob<R> {
  readonly events: AsyncGenerator<TrainEvent, R>;
  readonly steps: number;
  /** Figures beside the progress bar. */
  readonly shown: readonly string[];
  /** Name of the reward, for rollout logs. */
  readonly strategy?: string;
  readonly keepRolloutsEvery?: number;
  /** Counts for the summary, e.g. examples left out. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Frees what the job needed beside the model. */
  dispose?(): void;
}

/**
 * Runs one training command: opens model and data, drives the job with logs and checkpoints in `--out`, saves the model
 * (`model/`, or `adapter/` with LoRA on `--model` itself) and the manifest, prints the summary. An earlier run in the folder is gone on with.
 */
export async function runTraining<R extends object>(
  stage: 'sft' | 'ppo' | 'grpo',
  options: TrainOptions,
  io: CliIo,
  prepare: (context: TrainingContext) => Promise<TrainingJob<R>>,
): Promise<void> {
  await ensureWritableFolder(options.out);
  const data = await readTrainingData(options.data, options.split, io.signal);
  const opened = await openModel(options);
  const rng = Rng.fromSeed(options.seed).fork('train', stage);
  try {
    if (options.lora !== undefined)
      attachLora(opened.model, {
        rng: rng.fork('lora'),
        rank: options.lora,
        targets: loraTargets,
        ...(options.loraAlpha === undefined ? {} : { alpha: options.loraAlpha }),
      });
    const manifest = await createManifest({
      command: `train ${stage}`,
      options: { ...options },
      seed: options.seed,
      inputs: {
        data: data.file,
        ...(await modelInputs(options.model)),
        ...(options.adapter === undefined
          ? {}
          : { adapter: join(options.adapter, 'adapter_model.safetensors') }),
      },
      synthetic: data.synthetic,
      extra: { backend: opened.backend.name },
    });
    const manifestPath = join(options.out, 'manifest.json');
    await refuseForeignRun(options.out, manifestPath, manifest);
    const store = createFolderCheckpointStore(join(options.out, 'checkpoints'));
    const run = { stage, signal: io.signal, checkpoints: { store, everySteps: options.checkpointEvery } };
    const job = await prepare({ ...opened, data, options, rng, io, run });
    let result: R;
    try {
      // Once the trainer has taken the folder's checkpoints as its own: a refused run leaves the manifest as it was.
      const onBegun = () => writeFileAtomic(manifestPath, `${JSON.stringify(manifest, null, 2)}\n`);
      result = await driveJob(job, { stage, out: options.out, io, onBegun });
    } finally {
      job.dispose?.();
    }
    const saved = await saveTrained(opened, options);
    await finishManifest(manifest, manifestPath, {
      outputs: { metrics: join(options.out, 'metrics.jsonl'), weights: saved.weights },
    });
    io.endProgress();
    tell(io, { out: options.out, ...saved, backend: opened.backend.name, ...job.facts, ...result });
  } finally {
    opened.model.dispose();
  }
}

/** The files a model is made of, by the name that the manifest gives them. */
async function modelInputs(path: string): Promise<Record<string, string>> {
  if (path.endsWith('.gguf')) return { model: path };
  const files = (await readdir(path)).filter((file) => file.endsWith('.safetensors')).sort();
  const weights = files.map((file) => [file === 'model.safetensors' ? 'model' : file, join(path, file)]);
  return { config: join(path, 'config.json'), ...Object.fromEntries(weights) };
}

/**
 * Checkpoints hold every trained weight, so that going on from another model's would silently put them on, or in place of, the
 * model that was asked for.
 * Throws `InputError` when the checkpoints in `out` began with other model bytes, data or command.
 */
async function refuseForeignRun(out: string, manifestPath: string, manifest: Manifest): Promise<void> {
  if (!existsSync(manifestPath) || !existsSync(join(out, 'checkpoints'))) return;
  const earlier = await readManifest(manifestPath);
  const hashes = ({ command, inputs }: Manifest): Record<string, string> => ({
    command,
    ...Object.fromEntries(Object.entries(inputs).map(([name, { sha256 }]) => [name, sha256])),
  });
  const [before, now] = [hashes(earlier), hashes(manifest)];
  const changed = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
    (name) => before[name] !== now[name],
  );
  if (changed.length === 0) return;
  throw new InputError({
    code: 'RUN_FOLDER_TAKEN',
    message: `${out}: expected the run that was begun here ("${earlier.command}") with the same model and data; other now: ${changed.join(', ')}. Name another --out, or remove ${join(out, 'checkpoints')} to begin anew.`,
    context: { out, changed },
  });
}

/** Drives the job; its logs lose the steps that a resumed run does again. */
async function driveJob<R>(
  job: TrainingJob<R>,
  context: {
    readonly stage: string;
    readonly out: string;
    readonly io: CliIo;
    onBegun(): Promise<void>;
  },
): Promise<R> {
  const { stage, out, io } = context;
  const paths = { metrics: join(out, 'metrics.jsonl'), rollouts: join(out, 'rollouts.jsonl') };
  const metrics = new StepLog(paths.metrics);
  const rollouts = new StepLog(paths.rollouts);
  let isFirst = true;
  const onEvent = async (event: TrainEvent): Promise<void> => {
    if (event.type === 'warning') return io.progress(event);
    if (isFirst) {
      await context.onBegun();
      await rewindLog(paths.metrics, metrics, event.step);
      await rewindLog(paths.rollouts, rollouts, event.step);
    }
    isFirst = false;
    if (event.type === 'resumed') io.note(`going on at step ${event.step} of ${job.steps}`);
    else if (event.type === 'metrics') {
      await metrics.write(toMetricsRecord(event));
      const shown = job.shown.flatMap((name) => {
        const value = event.metrics[name];
        return value === undefined ? [] : [[name === 'tokensPerSecond' ? 'tok/s' : name, value] as const];
      });
      io.progress({
        type: 'progress',
        stage,
        completed: event.step + 1,
        total: job.steps,
        metrics: Object.fromEntries(shown),
      });
    } else if (event.step % (job.keepRolloutsEvery ?? 1) === 0 || event.step === job.steps - 1)
      for (const line of toRolloutLines(event, job.strategy ?? stage)) await rollouts.write(line);
  };
  try {
    for (;;) {
      const step = await job.events.next();
      if (step.done) return step.value;
      await onEvent(step.value);
    }
  } finally {
    await Promise.all([metrics.close(), rollouts.close()]);
    await job.events.return(undefined as never);
  }
}

/** Drops the lines of steps to be done again; a log that never was, or that was removed, has none. */
async function rewindLog(path: string, log: StepLog, step: number): Promise<void> {
  if (step === 0 || existsSync(path)) await log.rewindTo(step);
}

/**
 * Saves what was trained: the adapters where they belong to `--model` itself, else the whole model. Adapters trained on top of
 * `--adapter` belong to a model that is in no file, so they are merged.
 */
async function saveTrained(
  { model, tokenizer }: OpenedModel,
  options: TrainOptions,
): Promise<{ readonly saved: string; readonly weights: string }> {
  if (options.lora === undefined || options.adapter !== undefined) {
    if (options.lora !== undefined) mergeLora(model);
    const saved = join(options.out, 'model');
    await saveModel(saved, { model, tokenizer });
    return { saved, weights: join(saved, 'model.safetensors') };
  }
  const saved = join(options.out, 'adapter');
  await saveAdapter(saved, model, { baseModel: options.model });
  return { saved, weights: join(saved, 'adapter_model.safetensors') };
}

function tell(io: CliIo, facts: Readonly<Record<string, unknown>> & { readonly saved: string }): void {
  if (io.json) {
    io.out(JSON.stringify(facts, null, 2));
    return;
  }
  const { out, saved, weights: _weights, ...rest } = facts;
  io.out(
    Object.entries(rest)
      .map(([name, value]) => `${name} ${typeof value === 'number' ? Number(value.toPrecision(5)) : value}`)
      .join(', '),
  );
  io.out(`saved: ${saved}\nmetrics: ${out}/metrics.jsonl`);
}
