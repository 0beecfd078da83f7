import { setMaxListeners } from 'node:events';
import {
  InputError,
  JsonlWriter,
  type ProgressEvent,
  throwIfCancelled,
  type WarningEvent,
} from '@srcode/core';
import type { VulnerableFunction } from '@srcode/dataset';
import PQueue from 'p-queue';
import type { RetryNotice, TeacherClient } from './create-teacher-client.js';
import { isTransientFailure, toFailureCode } from './internal/describe-failure.js';
import { EventChannel } from './internal/event-channel.js';
import { type Progress, readProgress } from './internal/read-progress.js';
import { reflectFunction, type StageOptions } from './reflect-function.js';
import type { FailureCode, ReflectionFailure, ReflectionRecord } from './schemas.js';
import type { StageName } from './stages/stage.js';
import { type Budget, isBudgetSpent, type Usage } from './usage.js';

export interface RunReflectionOptions {
  readonly functions: AsyncIterable<VulnerableFunction> | Iterable<VulnerableFunction>;
  readonly client: TeacherClient;
  /** JSON Lines file of finished records; appended to. */
  readonly outPath: string;
  /** JSON Lines file of failures. Default: `outPath` with `.failures.jsonl` in place of `.jsonl`. */
  readonly failuresPath?: string;
  readonly stages?: StageOptions;
  /** Functions at a time. Default 4. */
  readonly concurrency?: number;
  /** No function starts once it is spent; those under way are finished, so it is overrun by at most `concurrency` functions. */
  readonly budget?: Budget;
  /** Number of functions, where known, for progress. */
  readonly total?: number;
  /** Which earlier failures to try again: those of the server (default), all, or none. */
  readonly retryFailures?: 'transient' | 'all' | 'none';
  /** Server failures in a row after which the run stops with the last one. Default 5. */
  readonly maxServerFailures?: number;
  readonly signal?: AbortSignal;
}

export type ReflectionEvent =
  | ProgressEvent
  | WarningEvent
  | { readonly type: 'function-start'; readonly id: string }
  | { readonly type: 'stage-start'; readonly id: string; readonly stage: StageName; readonly round: number }
  | ({ readonly type: 'retry'; readonly id: string } & RetryNotice)
  | { readonly type: 'function-end'; readonly record: ReflectionRecord }
  | { readonly type: 'function-failed'; readonly failure: ReflectionFailure }
  | { readonly type: 'function-skipped'; readonly id: string; readonly reason: SkipReason };

export type SkipReason = 'finished' | 'failed' | 'duplicate';

export interface ReflectionSummary {
  /** Records written by this run. */
  readonly finished: number;
  /** Functions left out because an earlier run finished them or recorded their failure, or their id came twice. */
  readonly skipped: Readonly<Record<SkipReason, number>>;
  readonly failed: number;
  readonly failedByCode: Readonly<Partial<Record<FailureCode, number>>>;
  /** Reflection rounds → records. */
  readonly rounds: Readonly<Record<string, number>>;
  /** Final verdict → records. */
  readonly verdicts: Readonly<Record<string, number>>;
  readonly prompts: number;
  readonly usage: Usage;
  /** Teachers that answered → records; the key of a replayed one ends in ` (replayed)`. */
  readonly teachers: Readonly<Record<string, number>>;
  readonly stoppedBy: 'end' | 'budget';
}

/** Default path of the failures file that belongs to a records file. */
export function failuresPathFor(outPath: string): string {
  return `${outPath.replace(/\.jsonl$/, '')}.failures.jsonl`;
}

/**
 * Runs every function through the teacher, yields what happens and returns the counts.
 *
 * Each record is appended to `outPath` as it is finished and each failure to the failures file, so a
 * crash loses only the functions under way; the same call goes on where it stopped. What a record
 * contains depends on its function and the teacher alone, not on order or concurrency.
 *
 * Throws the teacher's error when it cannot be used at all (unreachable, key or model refused, rate
 * limit, several server failures in a row) and `CancelledError` on abort; finished work is on disk.
 */
export async function* runReflection(
  options: RunReflectionOptions,
): AsyncGenerator<ReflectionEvent, ReflectionSummary> {
  const { client, budget, outPath } = options;
  if (budget?.maxCost !== undefined && !client.hasPrice) throw unpricedBudget();
  throwIfCancelled(options.signal);
  const failuresPath = options.failuresPath ?? failuresPathFor(outPath);
  const progress = await readProgress(outPath, failuresPath);
  const out = await JsonlWriter.open(outPath);
  const failures = await JsonlWriter.open(failuresPath).catch(async (error: unknown) => {
    await out.close();
    throw error;
  });
  const run = new ReflectionRun(options, progress, out, failures);
  const work = run.start();
  try {
    yield* run.channel.drain();
    await work;
    return run.summary();
  } finally {
    run.stop();
    await work.catch(() => {});
    await Promise.all([out.close(), failures.close()]);
  }
}

function unpricedBudget(): InputError {
  return new InputError({
    code: 'BUDGET_NEEDS_PRICE',
    message:
      'Expected a price for the teacher model, since the budget is a cost; got none. Give a price, or set the budget in tokens.',
  });
}

class ReflectionRun {
  readonly channel = new EventChannel<ReflectionEvent>();
  readonly #options: RunReflectionOptions;
  readonly #progress: Progress;
  readonly #out: JsonlWriter;
  readonly #failures: JsonlWriter;
  readonly #queue: PQueue;
  readonly #controller = new AbortController();
  readonly #signal: AbortSignal;
  readonly #seen = new Set<string>();
  readonly #before: Usage;
  #fatal: unknown;
  #serverFailures = 0;
  #finished = 0;
  #failed = 0;
  #prompts = 0;
  #stoppedBy: 'end' | 'budget' = 'end';
  readonly #skipped: Record<SkipReason, number> = { finished: 0, failed: 0, duplicate: 0 };
  readonly #failedByCode: Partial<Record<FailureCode, number>> = {};
  readonly #rounds: Record<string, number> = {};
  readonly #verdicts: Record<string, number> = {};
  readonly #teachers: Record<string, number> = {};

  constructor(options: RunReflectionOptions, progress: Progress, out: JsonlWriter, failures: JsonlWriter) {
    this.#options = options;
    this.#progress = progress;
    this.#out = out;
    this.#failures = failures;
    this.#queue = new PQueue({ concurrency: Math.max(1, options.concurrency ?? 4) });
    this.#before = options.client.usage();
    this.#signal = options.signal
      ? AbortSignal.any([options.signal, this.#controller.signal])
      : this.#controller.signal;
    // One listener per request under way, which is no leak at a concurrency above Node's warning threshold of 10.
    setMaxListeners(0, this.#signal);
  }

  /** Feeds the queue and resolves when all work has ended; rejects with what stopped it. */
  async start(): Promise<void> {
    try {
      for await (const func of this.#options.functions) {
        if (this.#signal.aborted || this.#skip(func.id)) {
          if (this.#signal.aborted) break;
          continue;
        }
        // Waits for a free place, so that no more than `concurrency` functions are held and the budget is current.
        await this.#queue.onSizeLessThan(1);
        if (this.#signal.aborted) break;
        if (this.#isSpent()) break;
        void this.#queue.add(() => this.#process(func));
      }
      await this.#queue.onIdle();
      if (this.#fatal !== undefined) throw this.#fatal;
      throwIfCancelled(this.#options.signal);
    } catch (error) {
      this.stop();
      await this.#queue.onIdle();
      throw this.#fatal ?? error;
    } finally {
      this.channel.close();
    }
  }

  stop(): void {
    this.#controller.abort();
    this.#queue.clear();
  }

  summary(): ReflectionSummary {
    return {
      finished: this.#finished,
      skipped: { ...this.#skipped },
      failed: this.#failed,
      failedByCode: { ...this.#failedByCode },
      rounds: { ...this.#rounds },
      verdicts: { ...this.#verdicts },
      prompts: this.#prompts,
      usage: this.#used(),
      teachers: { ...this.#teachers },
      stoppedBy: this.#stoppedBy,
    };
  }

  #used(): Usage {
    const now = this.#options.client.usage();
    const before = this.#before;
    return {
      requests: now.requests - before.requests,
      inputTokens: now.inputTokens - before.inputTokens,
      outputTokens: now.outputTokens - before.outputTokens,
      cost: now.cost === null || before.cost === null ? null : now.cost - before.cost,
      estimated: now.estimated,
    };
  }

  #isSpent(): boolean {
    if (!isBudgetSpent(this.#used(), this.#options.budget)) return false;
    this.#stoppedBy = 'budget';
    return true;
  }

  #skip(id: string): boolean {
    const reason = this.#skipReason(id);
    this.#seen.add(id);
    if (reason === null) return false;
    this.#skipped[reason]++;
    this.channel.push({ type: 'function-skipped', id, reason });
    if (reason === 'duplicate')
      this.channel.push({
        type: 'warning',
        code: 'DUPLICATE_ID',
        message: `Function id "${id}" came twice; the second is left out.`,
      });
    return true;
  }

  #skipReason(id: string): SkipReason | null {
    if (this.#seen.has(id)) return 'duplicate';
    if (this.#progress.finished.has(id)) return 'finished';
    const failure = this.#progress.failed.get(id);
    const retry = this.#options.retryFailures ?? 'transient';
    if (failure === undefined || retry === 'all' || (retry === 'transient' && isTransientFailure(failure)))
      return null;
    return 'failed';
  }

  async #process(func: VulnerableFunction): Promise<void> {
    if (this.#signal.aborted || this.#isSpent()) return;
    const { id } = func;
    const at: { stage: StageName; round: number } = { stage: 'diagnose', round: 1 };
    this.channel.push({ type: 'function-start', id });
    try {
      const record = await reflectFunction(func, {
        ...this.#options.stages,
        client: this.#options.client,
        signal: this.#signal,
        onStage: (stage, round) => {
          Object.assign(at, { stage, round });
          this.channel.push({ type: 'stage-start', id, stage, round });
        },
        onRetry: (notice) => this.channel.push({ type: 'retry', id, ...notice }),
      });
      await this.#out.write(record);
      this.#countRecord(record);
    } catch (error) {
      await this.#handleFailure(id, at, error).catch((inner: unknown) => this.#abortWith(inner));
    }
    this.#reportProgress();
  }

  #countRecord(record: ReflectionRecord): void {
    const bump = (counts: Record<string, number>, key: string) => {
      counts[key] = (counts[key] ?? 0) + 1;
    };
    this.#serverFailures = 0;
    this.#finished++;
    this.#prompts += record.prompts.length;
    bump(this.#rounds, String(record.reflections.length));
    bump(this.#verdicts, record.reflections.at(-1)?.verdict ?? 'none');
    bump(
      this.#teachers,
      `${record.teacher?.model ?? 'unknown'}${record.teacher?.replayed ? ' (replayed)' : ''}`,
    );
    this.channel.push({ type: 'function-end', record });
  }

  async #handleFailure(id: string, at: { stage: StageName; round: number }, error: unknown): Promise<void> {
    // Once the run is stopping, a failure may be the stop itself; the function is done again next time.
    if (this.#signal.aborted) return;
    const code = toFailureCode(error);
    if (code === null) return this.#abortWith(error);
    const message = (error as Error).message;
    const failure: ReflectionFailure = { id, ...at, code, message };
    await this.#failures.write(failure);
    this.#failed++;
    this.#failedByCode[code] = (this.#failedByCode[code] ?? 0) + 1;
    this.channel.push({ type: 'function-failed', failure });
    this.#serverFailures = isTransientFailure(code) ? this.#serverFailures + 1 : 0;
    if (this.#serverFailures >= (this.#options.maxServerFailures ?? 5)) this.#abortWith(error);
  }

  #abortWith(error: unknown): void {
    this.#fatal ??= error;
    this.stop();
  }

  #reportProgress(): void {
    const skipped = this.#skipped.finished + this.#skipped.failed + this.#skipped.duplicate;
    this.channel.push({
      type: 'progress',
      stage: 'functions',
      completed: this.#finished + this.#failed + skipped,
      total: this.#options.total,
      metrics: { finished: this.#finished, failed: this.#failed, skipped },
    });
  }
}
