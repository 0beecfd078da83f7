import { CancelledError } from '@srcode/core';

/** One unit of the reproduction; runs when everything it needs is done. */
export interface Job {
  readonly id: string;
  readonly needs: readonly string[];
  run(signal: AbortSignal): Promise<void>;
}

export type JobStateEvent =
  | { readonly type: 'job-start'; readonly id: string }
  | { readonly type: 'job-end'; readonly id: string; readonly completed: number; readonly total: number };

export interface RunJobsOptions {
  readonly concurrency: number;
  readonly signal: AbortSignal;
  readonly onEvent?: (event: JobStateEvent) => void;
}

/**
 * Runs jobs in the order of their needs, at most `concurrency` at once; earlier jobs in the list go first.
 * The first failure cancels the rest and is thrown once all have stopped.
 */
export async function runJobs(jobs: readonly Job[], options: RunJobsOptions): Promise<void> {
  const waiting = new Map(jobs.map((job) => [job.id, job]));
  const done = new Set<string>();
  const running = new Map<string, Promise<string>>();
  const abort = new AbortController();
  const onAbort = () => abort.abort(options.signal.reason);
  options.signal.addEventListener('abort', onAbort, { once: true });
  if (options.signal.aborted) onAbort();
  let failure: unknown;

  const startReady = () => {
    for (const job of waiting.values()) {
      if (running.size >= options.concurrency || failure !== undefined || abort.signal.aborted) return;
      if (!job.needs.every((need) => done.has(need))) continue;
      waiting.delete(job.id);
      options.onEvent?.({ type: 'job-start', id: job.id });
      const finish = job.run(abort.signal).then(
        () => {
          done.add(job.id);
          options.onEvent?.({ type: 'job-end', id: job.id, completed: done.size, total: jobs.length });
          return job.id;
        },
        (error: unknown) => {
          failure ??= error;
          abort.abort(error);
          return job.id;
        },
      );
      running.set(job.id, finish);
    }
  };

  try {
    startReady();
    while (running.size > 0) {
      running.delete(await Promise.race(running.values()));
      startReady();
    }
  } finally {
    options.signal.removeEventListener('abort', onAbort);
  }
  if (options.signal.aborted) throw new CancelledError('Cancelled; finished work is kept.', failure);
  if (failure !== undefined) throw failure;
  if (waiting.size > 0) throw new Error(`Jobs that can never start: ${[...waiting.keys()].join(', ')}`);
}
