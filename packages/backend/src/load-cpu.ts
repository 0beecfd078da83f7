import * as tf from '@tensorflow/tfjs-core';
import type { LoadResult } from './types.js';

/** Registers the plain JavaScript backend `cpu`: always there, about thirty times slower than `wasm`. */
export async function loadCpu(): Promise<LoadResult> {
  await import('@tensorflow/tfjs-backend-cpu');
  // tfjs-backend-cpu prints an advertisement for tfjs-node at its first tensor; packages never print.
  const backend = tf.findBackend('cpu') as { firstUse?: boolean } | null;
  if (backend) backend.firstUse = false;
  return { available: true, reason: 'plain JavaScript, always available (slow)' };
}
