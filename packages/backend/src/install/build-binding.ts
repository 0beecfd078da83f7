import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BuildFailedError } from './errors.js';
import type { NativeLibrary } from './find-library.js';
import { napiVersion } from './pinned.js';
import { lastLines, runCommand } from './run-command.js';

export interface BuildBindingOptions {
  readonly compiler: string;
  /** Folder of the binding's package: `binding/*.cc` in, `lib/tfjs_binding.node` out. */
  readonly packageFolder: string;
  readonly nodeHeaders: string;
  readonly library: NativeLibrary;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal | undefined;
}

/** Our own C++ beside `src/` and `dist/`. */
const nativeFolder = fileURLToPath(new URL('../../native/', import.meta.url));

/**
 * Compiles the binding's sources and our fused kernels, for this processor, into one Node-API addon that finds the library by an absolute path.
 * Throws `BuildFailedError` with the compiler's own words.
 */
export async function buildBinding(options: BuildBindingOptions): Promise<void> {
  const { compiler, packageFolder, nodeHeaders, library, environment, signal } = options;
  await mkdir(join(packageFolder, 'lib'), { recursive: true });
  const args = [
    ...['-shared', '-fPIC', '-O3', '-march=native', '-std=gnu++17', `-DNAPI_VERSION=${napiVersion}`],
    // what lets loops over floats be vectorised; not -ffast-math, which changes the mode of the whole process
    ...['-fno-math-errno', '-fno-trapping-math', '-fno-signed-zeros', '-fassociative-math'],
    ...['-I', nodeHeaders, '-I', library.includeFolder, '-I', packageFolder, '-I', nativeFolder],
    ...[
      'binding/tfjs_backend.cc',
      join(nativeFolder, 'binding.cc'),
      join(nativeFolder, 'kernels.cc'),
      join(nativeFolder, 'tiles.cc'),
      join(nativeFolder, 'layer.cc'),
      join(nativeFolder, 'panels.cc'),
      join(nativeFolder, 'pool.cc'),
    ],
    '-pthread',
    ...library.files.map((name) => join(library.libraryFolder, name)),
    `-Wl,-rpath,${library.libraryFolder}`,
    ...['-o', 'lib/tfjs_binding.node'],
  ];
  const result = await runCommand(compiler, args, { cwd: packageFolder, environment, signal });
  if (result.exitCode === 0) return;
  const errors = result.tail
    .split('\n')
    .filter((line) => /error|undefined reference|cannot find/i.test(line));
  throw new BuildFailedError({
    code: 'TENSORFLOW_BUILD_FAILED',
    message: `${compiler} could not build the binding against ${library.libraryFolder}. A C++17 compiler (GCC 8 or Clang 7 and later) and a libtensorflow of 2.9 or later are needed. It said: ${errors.slice(0, 3).join(' | ') || lastLines(result.tail, 3)}`,
    context: { compiler, said: lastLines(result.tail, 20) },
  });
}
