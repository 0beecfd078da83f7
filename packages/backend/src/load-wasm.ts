import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type { LoadResult } from './types.js';
import type { WasmBackend } from './wasm-kernels/heap.js';
import { registerWasmKernels } from './wasm-kernels/register-kernels.js';

let loading: Promise<LoadResult> | undefined;

/**
 * Registers the backend `wasm` with the package's own files (no network), SIMD where the engine has it, and our
 * kernels for what is missing or slow in it. Single-threaded under Node, as tfjs 4.22 has it.
 */
export function loadWasm(): Promise<LoadResult> {
  loading ??= load();
  return loading;
}

async function load(): Promise<LoadResult> {
  const wasm = await import('@tensorflow/tfjs-backend-wasm');
  const folder = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm')) + sep;
  wasm.setWasmPaths(folder);
  const restore = guardProcessListeners();
  const ready = await tf.setBackend('wasm');
  restore();
  if (!ready) return { available: false, reason: 'the WebAssembly module could not be initialised' };
  registerWasmKernels(tf.backend() as unknown as WasmBackend);
  return { available: true, reason: 'embedded WebAssembly, one thread' };
}

/**
 * Emscripten's start-up code installs process-wide handlers that rethrow every uncaught error and rejection (and its
 * removal of them does not work in 4.22). Returns a function that removes what was added since.
 */
function guardProcessListeners(): () => void {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => new Set<unknown>(process.listeners(event as never)));
  return () => {
    events.forEach((event, i) => {
      for (const listener of process.listeners(event as never) as ((...args: never[]) => void)[]) {
        if (!before[i]!.has(listener)) process.removeListener(event, listener as never);
      }
    });
  };
}
