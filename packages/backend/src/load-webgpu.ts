import type { LoadResult } from './types.js';

/**
 * Says why `webgpu` cannot be used: tfjs-backend-webgpu is not a dependency yet.
 *
 * Kept as its own file so that the order of the candidates is complete and the reason is reported.
 */
export async function loadWebgpu(): Promise<LoadResult> {
  return { available: false, reason: 'not built into this version; use tensorflow or wasm' };
}
