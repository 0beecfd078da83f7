import { CancelledError } from '@srcode/core';
import { describe, expect, it } from 'vitest';
import { type Job, runJobs } from './run-jobs.js';

const job = (
  id: string,
  needs: string[],
  run: (signal: AbortSignal) => Promise<void> = async () => {},
): Job => ({ id, needs, run });

describe('runJobs', () => {
  it('runs each job after what it needs, at most `concurrency` at once', async () => {
    const order: string[] = [];
    let active = 0;
    let peak = 0;
    const track = (id: string, needs: string[]) =>
      job(id, needs, async () => {
        peak = Math.max(peak, ++active);
        await new Promise((resolve) => setTimeout(resolve, 5));
        active--;
        order.push(id);
      });
    await runJobs(
      [track('a', []), track('b', ['a']), track('c', ['a']), track('d', ['b', 'c']), track('e', ['a'])],
      { concurrency: 2, signal: new AbortController().signal },
    );
    expect(order[0]).toBe('a');
    expect(order.indexOf('d')).toBeGreaterThan(Math.max(order.indexOf('b'), order.indexOf('c')));
    expect(peak).toBe(2);
  });

  it('cancels the others when one fails and throws its error', async () => {
    let cancelled = false;
    const slow = job(
      'slow',
      [],
      (signal) =>
        new Promise((_, reject) =>
          signal.addEventListener('abort', () => {
            cancelled = true;
            reject(new Error('stopped'));
          }),
        ),
    );
    const bad = job('bad', [], async () => {
      throw new Error('broken');
    });
    await expect(
      runJobs([slow, bad, job('never', ['bad'])], { concurrency: 2, signal: new AbortController().signal }),
    ).rejects.toThrow('broken');
    expect(cancelled).toBe(true);
  });

  it('reports cancellation as such', async () => {
    const abort = new AbortController();
    const slow = job(
      'slow',
      [],
      (signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped')))),
    );
    const running = runJobs([slow], { concurrency: 1, signal: abort.signal });
    abort.abort();
    await expect(running).rejects.toSatisfy((error: unknown) => CancelledError.isInstance(error));
  });
});
