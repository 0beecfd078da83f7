import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { bindingFolder, cacheRoot } from './install/cache-folders.js';
import { readInstallStamp } from './install/install-stamp.js';
import { kernelsVersion } from './install/pinned.js';
import { type RunNativeKernel, registerNativeKernels } from './register-native-kernels.js';
import type { LoadResult } from './types.js';

/** Where `srcode backend install` puts the built binding. */
export function nativeCacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return bindingFolder(cacheRoot(environment));
}

interface NativeModule {
  readonly tensorflowVersion: string;
  readonly isUsingGpu: () => boolean;
  /** Absent in a binding that was built without our kernels. */
  readonly runKernel?: RunNativeKernel;
  /** True when the processor's matrix unit can be used. */
  readonly hasTiles?: boolean;
}

/** A folder with a built binding, or why there is none. */
function findBinding(
  environment: NodeJS.ProcessEnv,
): { readonly folder: string } | { readonly reason: string } {
  const given = environment.SRCODE_LIBTENSORFLOW;
  const cached = nativeCacheFolder(environment);
  const stamp = readInstallStamp(cached);
  if (!given) {
    if (stamp && stamp.processor !== cpus()[0]?.model.trim()) {
      return {
        reason: `built for another processor (${stamp.processor}); run \`srcode backend install\` again`,
      };
    }
    if (stamp && stamp.kernels !== kernelsVersion) {
      return { reason: 'built with kernels of another version; run `srcode backend install` again' };
    }
    if (stamp) return { folder: cached };
    return { reason: 'not installed; run `srcode backend install` for native speed' };
  }
  const path = resolve(given);
  if (existsSync(join(path, 'lib', 'tfjs_binding.node'))) return { folder: path };
  if (stamp?.library === path) return { folder: cached };
  return {
    reason: `SRCODE_LIBTENSORFLOW is ${given}, which the installed binding was not built against; run \`srcode backend install\` to build it, or unset the variable`,
  };
}

/**
 * Registers the native backend `tensorflow` from the cache (`srcode backend install`) or, when
 * `SRCODE_LIBTENSORFLOW` is set, the one built against that library; or says why not. Works on the one tfjs-core
 * that this package uses. Never throws: a broken native library must not keep `wasm` from being used.
 */
export async function loadTensorflow(environment: NodeJS.ProcessEnv = process.env): Promise<LoadResult> {
  const found = findBinding(environment);
  if ('reason' in found) return { available: false, reason: found.reason };
  const { folder } = found;
  try {
    const require = createRequire(import.meta.url);
    const shared = globalThis as unknown as Record<symbol, unknown>;
    shared[Symbol.for('srcode.tfjs')] = require('@tensorflow/tfjs-core');
    // TensorFlow's start-up notes are not ours to print; the user's own setting wins.
    process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';
    const native = require(folder) as NativeModule;
    const device = native.isUsingGpu() ? 'GPU' : 'CPU';
    const isCurrent = readInstallStamp(folder)?.kernels === kernelsVersion;
    if (native.runKernel && isCurrent && device === 'CPU')
      registerNativeKernels(native.runKernel, native.hasTiles);
    const cuda = readInstallStamp(folder)?.variant === 'cuda' && device === 'CPU';
    return {
      available: true,
      reason: `TensorFlow ${native.tensorflowVersion} on the ${device}${cuda ? ' (CUDA build, but it sees no GPU)' : ''}, from ${folder}`,
    };
  } catch (error) {
    return {
      available: false,
      reason: `the binding in ${folder} does not load (run \`srcode backend install\` again): ${(error as Error).message}`,
    };
  }
}
