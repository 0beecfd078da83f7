import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import type { LoadResult } from './types.js';

/**
 * Where `srcode backend install` puts the built binding: a folder with a `package.json` whose main module
 * registers the tfjs backend `tensorflow` (the layout of `@tensorflow/tfjs-node-gpu`).
 */
export function nativeCacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const base =
    environment.SRCODE_CACHE ??
    (environment.XDG_CACHE_HOME
      ? join(environment.XDG_CACHE_HOME, 'srcode')
      : join(homedir(), '.cache', 'srcode'));
  return join(base, 'tensorflow');
}

/**
 * Registers the native backend `tensorflow` from `SRCODE_LIBTENSORFLOW` or the cache, or says why not.
 * Never throws: a broken native library must not keep `wasm` from being used.
 */
export async function loadTensorflow(environment: NodeJS.ProcessEnv = process.env): Promise<LoadResult> {
  const given = environment.SRCODE_LIBTENSORFLOW;
  const folder = given ? (isAbsolute(given) ? given : resolve(given)) : nativeCacheFolder(environment);
  const entry = join(folder, 'package.json');
  if (!existsSync(entry)) {
    return {
      available: false,
      reason: given
        ? `SRCODE_LIBTENSORFLOW is ${given}, which holds no built binding (no package.json)`
        : 'not installed; run `srcode backend install` for native speed',
    };
  }
  try {
    createRequire(entry)(folder);
    return { available: true, reason: `binding loaded from ${folder}` };
  } catch (error) {
    return {
      available: false,
      reason: `the binding in ${folder} does not load: ${(error as Error).message}`,
    };
  }
}
