import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CancelledError, type JobEvent, SrcodeError } from '@srcode/core';
import type { FromWorker, ToWorker, WorkerRequest } from './worker-protocol.js';

/** The worker's file: built or source, as this one. */
const isSource = import.meta.url.endsWith('.ts');
const workerFile = fileURLToPath(new URL(isSource ? './worker.ts' : './worker.js', import.meta.url));

export interface WorkerOutcome {
  readonly summary: string;
  readonly backend: string;
  /** Largest resident set of the process, bytes. */
  readonly peakBytes: number;
}

/** Runs one stage in a process of its own, so that two can use two cores; killed with this process, stopped by `signal`. */
export function runInWorker(
  request: Omit<WorkerRequest, 'type'>,
  options: { readonly signal: AbortSignal; onEvent(event: JobEvent): void },
): Promise<WorkerOutcome> {
  return new Promise((resolve, reject) => {
    const execArgv = isSource ? ['--conditions=@srcode/source', '--import', 'tsx'] : [];
    const child = fork(workerFile, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv });
    const send = (message: ToWorker) => child.connected && child.send(message);
    let outcome: WorkerOutcome | undefined;
    let failure: unknown;
    let noise = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      noise = (noise + chunk.toString('utf8')).slice(-4000);
    });
    const onAbort = () => send({ type: 'abort' });
    options.signal.addEventListener('abort', onAbort, { once: true });
    child.on('message', (message: FromWorker) => {
      if (message.type === 'event') options.onEvent(message.event);
      else if (message.type === 'done') {
        const { summary, backend, peakBytes } = message;
        outcome = { summary, backend, peakBytes };
      } else if (message.error.code === 'CANCELLED') failure = new CancelledError(message.error.message);
      else {
        const error = new SrcodeError(message.error);
        if (message.error.stack) error.stack = message.error.stack;
        failure = error;
      }
    });
    child.on('error', (error) => {
      failure ??= error;
    });
    child.on('exit', (code, signal) => {
      options.signal.removeEventListener('abort', onAbort);
      if (failure === undefined && outcome !== undefined) resolve(outcome);
      else if (failure !== undefined) reject(failure);
      else if (options.signal.aborted) reject(new CancelledError('Cancelled; finished work is kept.'));
      else {
        reject(
          new SrcodeError({
            code: 'STAGE_DIED',
            message: `The process of a stage (${request.task.kind}) ended without an answer (${signal ? `killed by ${signal}` : `exit ${code}`}). Out of memory is the usual cause. Run the same command again to go on from its last checkpoint.${noise ? ` It said: ${noise.trim().split('\n').slice(-3).join(' | ')}` : ''}`,
            context: { task: request.task, code, signal },
          }),
        );
      }
    });
    send({ type: 'start', ...request });
    if (options.signal.aborted) onAbort();
  });
}
