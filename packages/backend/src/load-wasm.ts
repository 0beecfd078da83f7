import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import type { LoadResult } from './types.js';

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
  return { available: true, reason: 'embedded WebAssembly, one thread' };
}
