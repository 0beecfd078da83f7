import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LibraryIncompleteError } from './errors.js';

/** Headers and shared objects to compile and link against. */
export interface NativeLibrary {
  readonly includeFolder: string;
  readonly libraryFolder: string;
  /** File names in `libraryFolder`, e.g. `libtensorflow_cc.so.2`. */
  readonly files: readonly string[];
}

const mainNames = ['libtensorflow_cc.so.2', 'libtensorflow.so.2', 'libtensorflow.so'];
const frameworkNames = ['libtensorflow_framework.so.2', 'libtensorflow_framework.so'];

/**
 * The library in a folder: a release of libtensorflow (`include/`, `lib/`) or an installed wheel's `tensorflow`
 * folder. Throws `LibraryIncompleteError` naming what is missing.
 */
export function findLibrary(folder: string): NativeLibrary {
  const fail = (missing: string): never => {
    throw new LibraryIncompleteError({
      code: 'TENSORFLOW_LIBRARY_INCOMPLETE',
      message: `Expected libtensorflow in ${folder}, but ${missing}. Give a folder with include/tensorflow/c/c_api.h and lib/libtensorflow.so.2, an installed wheel's tensorflow folder, or a .whl file.`,
      context: { folder, missing },
    });
  };
  if (!existsSync(folder) || !statSync(folder).isDirectory()) fail('there is no such folder');
  const includeFolder = join(folder, 'include');
  for (const header of ['tensorflow/c/c_api.h', 'tensorflow/c/eager/c_api.h']) {
    if (!existsSync(join(includeFolder, header))) fail(`include/${header} is missing`);
  }
  for (const libraryFolder of [join(folder, 'lib'), folder]) {
    const main = mainNames.find((name) => existsSync(join(libraryFolder, name)));
    if (!main) continue;
    const framework = frameworkNames.find((name) => existsSync(join(libraryFolder, name)));
    if (!framework) fail(`${frameworkNames[0]} is missing beside ${main}`);
    return { includeFolder, libraryFolder, files: [main, framework!] };
  }
  return fail(`none of ${mainNames.join(', ')} is in it or in its lib folder`);
}
