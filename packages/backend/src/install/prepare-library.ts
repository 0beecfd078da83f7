import { existsSync } from 'node:fs';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { sha256Hex, type WarningEvent } from '@srcode/core';
import { libraryFolder } from './cache-folders.js';
import { checkDiskSpace, findPythonWithPip } from './check-machine.js';
import {
  downloadWheel,
  fetchCudaLibraries,
  unpackTensorflowWheel,
  type WheelContext,
} from './fetch-wheel.js';
import { findLibrary, type NativeLibrary } from './find-library.js';
import { tensorflowVersion } from './pinned.js';
import type { TensorflowVariant } from './types.js';

/** A library ready to be built against, and where it came from. */
export interface PreparedLibrary {
  readonly variant: TensorflowVariant;
  readonly library: NativeLibrary;
  readonly origin: string;
  readonly wheelSha256: string | null;
  /** Plain words for the event. */
  readonly message: string;
}

export interface PrepareLibraryOptions {
  readonly root: string;
  readonly cuda: boolean;
  readonly givenPath: string | undefined;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal | undefined;
}

/** Room for the wheel and what is unpacked from it, measured for 2.21.0: 0.26 + 0.80 and 0.54 + 1.17 GiB. */
const neededBytes = { cpu: 1.2 * 2 ** 30, cuda: 2 * 2 ** 30 };
/** NVIDIA's libraries on top of that, packed and unpacked one after the other. */
const cudaLibrariesBytes = 5 * 2 ** 30;

interface LibraryRecord {
  readonly wheel: string;
  readonly sha256: string;
  readonly nvidia: boolean;
}

async function readRecord(folder: string): Promise<LibraryRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(join(folder, 'library.json'), 'utf8')) as LibraryRecord;
    findLibrary(folder);
    return record;
  } catch {
    return undefined;
  }
}

/**
 * The library to build against: the path given, else the one in our cache, else pip's wheel. Yields warnings.
 * Throws a `TensorflowInstallError` that says what is missing.
 */
export async function* prepareLibrary(
  options: PrepareLibraryOptions,
): AsyncGenerator<WarningEvent, PreparedLibrary> {
  const { givenPath, root, environment, signal } = options;
  if (givenPath) {
    const path = resolve(givenPath);
    const isFile = existsSync(path) && (await stat(path)).isFile();
    if (!isFile) {
      const library = findLibrary(path);
      return { variant: 'given', library, origin: path, wheelSha256: null, message: `library at ${path}` };
    }
    const folder = libraryFolder(root, `given-${sha256Hex(path).slice(0, 12)}`);
    await checkDiskSpace(root, neededBytes.cpu);
    const python = await findPythonWithPip(environment, signal);
    const { sha256 } = await unpackTensorflowWheel(path, folder, { python, environment, signal });
    return {
      variant: 'given',
      library: findLibrary(folder),
      origin: path,
      wheelSha256: sha256,
      message: `unpacked ${path}`,
    };
  }
  return yield* prepareWheel(options);
}

async function* prepareWheel(options: PrepareLibraryOptions): AsyncGenerator<WarningEvent, PreparedLibrary> {
  const { root, environment, signal } = options;
  const variant = options.cuda ? 'cuda' : 'cpu';
  const folder = libraryFolder(root, `${variant}-${tensorflowVersion}-${process.arch}`);
  const wantNvidia = options.cuda && hasNvidiaDriver();
  if (options.cuda && !wantNvidia) {
    yield {
      type: 'warning',
      code: 'TENSORFLOW_NO_GPU',
      message:
        'No NVIDIA driver found: the CUDA build is installed without NVIDIA’s libraries and computes on the CPU. Run the same command again on a machine with a GPU.',
    };
  }
  let record = await readRecord(folder);
  const wasCached = record !== undefined && (record.nvidia || !wantNvidia);
  if (!wasCached) {
    await checkDiskSpace(root, neededBytes[variant] + (wantNvidia ? cudaLibrariesBytes : 0));
    const python = await findPythonWithPip(environment, signal);
    record = await fetchWheel(variant, folder, wantNvidia, { python, environment, signal });
  }
  const { wheel, sha256 } = record!;
  const message = wasCached ? `${wheel} is in the cache` : `fetched ${wheel}`;
  return { variant, library: findLibrary(folder), origin: wheel, wheelSha256: sha256, message };
}

/** Only `tensorflow-cpu` is published for x64; on arm64 the wheel `tensorflow` is the CPU build. */
function wheelName(variant: 'cpu' | 'cuda'): string {
  return variant === 'cpu' && process.arch === 'x64' ? 'tensorflow-cpu' : 'tensorflow';
}

async function fetchWheel(
  variant: 'cpu' | 'cuda',
  folder: string,
  withNvidia: boolean,
  context: WheelContext,
): Promise<LibraryRecord> {
  const scratch = `${folder}.${process.pid}.wheel`;
  try {
    const wheel = await downloadWheel(`${wheelName(variant)}==${tensorflowVersion}`, scratch, context);
    const { sha256, cudaRequirements } = await unpackTensorflowWheel(wheel, folder, context);
    if (withNvidia) {
      for await (const _ of fetchCudaLibraries(cudaRequirements, folder, context));
    }
    const record = { wheel: basename(wheel), sha256, nvidia: withNvidia };
    await writeFile(join(folder, 'library.json'), `${JSON.stringify(record)}\n`);
    return record;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** True when the kernel has NVIDIA's driver loaded. */
function hasNvidiaDriver(): boolean {
  return existsSync('/proc/driver/nvidia/version') || existsSync('/dev/nvidiactl');
}
