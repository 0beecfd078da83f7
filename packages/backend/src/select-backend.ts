import { InputError } from '@srcode/core';
import * as tf from '@tensorflow/tfjs-core';
import { BackendUnavailableError } from './errors.js';
import { loadCpu } from './load-cpu.js';
import { loadTensorflow } from './load-tensorflow.js';
import { loadWasm } from './load-wasm.js';
import { loadWebgpu } from './load-webgpu.js';
import { registerGradients } from './register-gradients.js';
import type { BackendCandidate, BackendName, BackendReport, LoadResult } from './types.js';

const order: readonly BackendName[] = ['tensorflow', 'webgpu', 'wasm', 'cpu'];

const loaders: Readonly<Record<BackendName, () => Promise<LoadResult>>> = {
  tensorflow: loadTensorflow,
  webgpu: loadWebgpu,
  wasm: loadWasm,
  cpu: loadCpu,
};

export interface SelectBackendOptions {
  /** Use exactly this one, or fail. Default: `SRCODE_BACKEND`, else the first that is available. */
  readonly prefer?: BackendName;
  readonly environment?: NodeJS.ProcessEnv;
}

function requestedBackend(options: SelectBackendOptions): { name: BackendName; by: string } | undefined {
  if (options.prefer) return { name: options.prefer, by: 'asked for by the caller' };
  const name = (options.environment ?? process.env).SRCODE_BACKEND?.trim();
  if (!name || name === 'auto') return undefined;
  if (!order.includes(name as BackendName)) {
    throw new InputError({
      code: 'BACKEND_UNKNOWN',
      message: `SRCODE_BACKEND: expected one of auto, ${order.join(', ')}, got "${name}".`,
      context: { name },
    });
  }
  return { name: name as BackendName, by: 'set by SRCODE_BACKEND' };
}

async function tryBackend(name: BackendName): Promise<LoadResult> {
  try {
    const loaded = await loaders[name]();
    if (!loaded.available) return loaded;
    if (await tf.setBackend(name)) return loaded;
    return { available: false, reason: 'tfjs could not initialise it' };
  } catch (error) {
    const cause = error as Error;
    return { available: false, reason: cause?.message ?? String(error) };
  }
}

/**
 * The report of the backend that tfjs now uses: its name, tfjs's version, why, and what was said of each candidate.
 *
 * Order: `tensorflow`, `webgpu`, `wasm`, `cpu`; the first that initialises wins. `prefer` or `SRCODE_BACKEND`
 * names one exactly. Throws `BackendUnavailableError` when the named one cannot be used, `InputError` for an
 * unknown name. May be called again; tensors made under another backend are moved by tfjs when used.
 */
export async function selectBackend(options: SelectBackendOptions = {}): Promise<BackendReport> {
  const requested = requestedBackend(options);
  registerGradients();
  const candidates: BackendCandidate[] = [];
  let chosen: BackendName | undefined;
  for (const name of order) {
    if (chosen || (requested && requested.name !== name)) {
      candidates.push({ name, available: false, reason: 'not tried' });
      continue;
    }
    const result = await tryBackend(name);
    candidates.push({ name, available: result.available, reason: result.reason });
    if (result.available) chosen = name;
  }
  if (!chosen) {
    const said = candidates.filter((c) => c.reason !== 'not tried').map((c) => `${c.name}: ${c.reason}`);
    throw new BackendUnavailableError({
      code: 'BACKEND_UNAVAILABLE',
      message: `Expected a usable tensor backend${requested ? ` "${requested.name}" (${requested.by})` : ''}, found none. ${said.join('; ')}. Unset SRCODE_BACKEND or install what is missing.`,
      context: { candidates },
    });
  }
  return {
    name: chosen,
    version: tf.version_core,
    why: requested ? requested.by : `first available of ${order.join(', ')}`,
    candidates,
  };
}
