/** Progress of a long job, yielded by its async generator; packages never print. */
export interface ProgressEvent {
  readonly type: 'progress';
  /** What is being counted, e.g. `pretrain`, `pairs`, `samples`. */
  readonly stage: string;
  readonly completed: number;
  /** Undefined when the total is not known beforehand. */
  readonly total?: number | undefined;
  /** Figures to show beside the bar, e.g. `{ loss: 1.2 }`. */
  readonly metrics?: Readonly<Record<string, number>>;
}

/** Something the user should know that does not stop the work. */
export interface WarningEvent {
  readonly type: 'warning';
  readonly code: string;
  readonly message: string;
}

export type JobEvent = ProgressEvent | WarningEvent;

/** Runs a job to its end, handing its events to `onEvent`, and returns its result. */
export async function drainJob<E, R>(job: AsyncGenerator<E, R>, onEvent?: (event: E) => void): Promise<R> {
  try {
    for (;;) {
      const step = await job.next();
      if (step.done) return step.value;
      onEvent?.(step.value);
    }
  } finally {
    // Where `onEvent` throws, the job must still close what it holds; on a finished job this does nothing.
    await job.return(undefined as R);
  }
}
