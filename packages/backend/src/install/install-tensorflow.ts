import { rm, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { ensureWritableFolder, systemClock, throwIfCancelled } from '@srcode/core';
import { buildBinding } from './build-binding.js';
import { bindingFolder, cacheRoot } from './cache-folders.js';
import { checkPlatform, findCompiler } from './check-machine.js';
import { fetchSources } from './fetch-sources.js';
import { findLibrary } from './find-library.js';
import { readInstallStamp } from './install-stamp.js';
import { bindingPackage, kernelsVersion, napiVersion, tensorflowVersion } from './pinned.js';
import { prepareLibrary } from './prepare-library.js';
import { replaceFolder } from './replace-folder.js';
import type {
  InstallEvent,
  InstallResult,
  InstallStamp,
  InstallStep,
  InstallTensorflowOptions,
} from './types.js';
import { verifyBinding } from './verify-binding.js';

const platform = `${process.platform}-${process.arch}`;
/** The addon is compiled for one processor; a shared home folder may be seen by several. */
const processor = cpus()[0]?.model.trim() ?? 'unknown';

/** True when what is installed is what is asked for; a CUDA build also serves who asks for the CPU's. */
function satisfies(stamp: InstallStamp, cuda: boolean, givenPath: string | undefined): boolean {
  if (stamp.platform !== platform || stamp.napiVersion !== napiVersion) return false;
  if (stamp.bindingVersion !== bindingPackage.version || stamp.kernels !== kernelsVersion) return false;
  if (stamp.processor !== processor) return false;
  if (givenPath) return stamp.variant === 'given' && stamp.library === resolve(givenPath);
  if (stamp.variant === 'given' || (cuda && stamp.variant !== 'cuda')) return false;
  return stamp.tensorflowVersion === tensorflowVersion;
}

function isLibraryThere(stamp: InstallStamp): boolean {
  try {
    findLibrary(stamp.libraryFolder);
    return true;
  } catch {
    return false;
  }
}

/**
 * Installs native TensorFlow for this Node into the user's cache folder and returns what is installed.
 *
 * The library is the path given (`libtensorflowPath`, `SRCODE_LIBTENSORFLOW`), else the one cached, else pip's
 * wheel; the binding's sources come from npm with no script run, are compiled by the machine's C++ compiler, and a
 * fresh process verifies a matrix product and gradients before the result replaces an older one. When it is already
 * there, only says so. Yields a start and an end event per step. Throws a subclass of `TensorflowInstallError` for
 * each thing that can be missing, `CancelledError` when the signal is aborted; both leave an older install intact.
 */
export async function* installTensorflow(
  options: InstallTensorflowOptions = {},
): AsyncGenerator<InstallEvent, InstallResult> {
  const environment = options.environment ?? process.env;
  const clock = options.clock ?? systemClock;
  const { signal } = options;
  const begin = clock.now();
  const root = resolve(options.cacheDir ?? cacheRoot(environment));
  const folder = bindingFolder(root);
  const givenPath = options.libtensorflowPath ?? (environment.SRCODE_LIBTENSORFLOW || undefined);
  const cuda = options.cuda ?? false;
  throwIfCancelled(signal);

  const present = readInstallStamp(folder);
  if (!options.force && present && satisfies(present, cuda, givenPath) && isLibraryThere(present)) {
    return { state: 'already-installed', folder, stamp: present, elapsedMs: clock.now() - begin };
  }

  let stepBegin = clock.now();
  const start = (step: InstallStep, message: string): InstallEvent => {
    stepBegin = clock.now();
    return { type: 'install-step', step, state: 'start', message, elapsedMs: 0 };
  };
  const end = (step: InstallStep, message: string): InstallEvent => {
    throwIfCancelled(signal);
    return { type: 'install-step', step, state: 'end', message, elapsedMs: clock.now() - stepBegin };
  };

  yield start('check', 'platform, compiler and cache folder');
  checkPlatform();
  const compiler = await findCompiler(environment, signal);
  await ensureWritableFolder(root);
  yield end('check', `compiler ${compiler}, cache ${root}`);

  yield start('library', givenPath ? `library at ${givenPath}` : `TensorFlow ${tensorflowVersion}`);
  const prepared = yield* prepareLibrary({ root, cuda, givenPath, environment, signal });
  yield end('library', prepared.message);

  const work = join(root, `tensorflow.${process.pid}.partial`);
  try {
    await rm(work, { recursive: true, force: true });
    yield start('sources', `${bindingPackage.name} ${bindingPackage.version} and Node-API headers from npm`);
    await fetchSources(work, { environment, signal });
    yield end('sources', 'integrity checked, no install script run');

    const packageFolder = join(work, 'package');
    const nodeHeaders = join(work, 'node-api', 'package', 'include');
    yield start('build', `Node-API ${napiVersion} only`);
    const { library } = prepared;
    await buildBinding({ compiler, packageFolder, nodeHeaders, library, environment, signal });
    yield end('build', 'one addon');

    yield start('verify', 'a matrix product and gradients in a fresh process');
    const check = await verifyBinding(packageFolder, { environment, signal });
    yield end(
      'verify',
      `TensorFlow ${check.tensorflowVersion} on the ${check.gpu ? 'GPU' : 'CPU'}, ${check.gigaflops} GFLOP/s at 512³`,
    );

    yield start('store', folder);
    const stamp: InstallStamp = {
      format: 1,
      variant: prepared.variant,
      tensorflowVersion: check.tensorflowVersion,
      library: prepared.origin,
      libraryFolder: join(library.includeFolder, '..'),
      wheelSha256: prepared.wheelSha256,
      bindingVersion: bindingPackage.version,
      napiVersion,
      platform,
      processor,
      kernels: kernelsVersion,
      check,
    };
    await writeFile(join(packageFolder, 'stamp.json'), `${JSON.stringify(stamp, null, 2)}\n`);
    await replaceFolder(packageFolder, folder);
    yield end('store', folder);
    return { state: 'installed', folder, stamp, elapsedMs: clock.now() - begin };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
