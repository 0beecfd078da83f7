import { CancelledError } from '@srcode/core';

/** Resolves after `ms` milliseconds (at once if not positive); rejects with `CancelledError` on abort. */
export function waitMs(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (!(ms > 0)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new CancelledError('Cancelled; finished work is kept.', signal?.reason));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}

/**
 * Runs `body` with a signal of its own that follows `signal`, and lets go of `signal` afterwards: the SDK
 * leaves one listener per request on the signal it is given, which over a long run is a leak.
 */
export async function withChildSignal<T>(
  signal: AbortSignal | undefined,
  body: (child: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const follow = () => controller.abort(signal?.reason);
  if (signal?.aborted) follow();
  else signal?.addEventListener('abort', follow, { once: true });
  try {
    return await body(controller.signal);
  } finally {
    signal?.removeEventListener('abort', follow);
  }
}
