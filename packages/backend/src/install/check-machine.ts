import { mkdir, statfs } from 'node:fs/promises';
import { wrapFileError } from '@srcode/core';
import { CompilerMissingError, DiskSpaceError, PipMissingError, PlatformUnsupportedError } from './errors.js';
import { runCommand } from './run-command.js';

type Environment = NodeJS.ProcessEnv;

/** Throws `PlatformUnsupportedError` unless this is Linux with glibc on x64 or arm64. */
export function checkPlatform(platform = process.platform, arch: string = process.arch): void {
  const refuse = (got: string): never => {
    throw new PlatformUnsupportedError({
      code: 'TENSORFLOW_PLATFORM',
      message: `Native TensorFlow is built on Linux (glibc, x64 or arm64) only, and this is ${got}. Use the backend \`wasm\` (SRCODE_BACKEND=wasm), or WSL or a container with Debian or Ubuntu.`,
      context: { platform, arch },
    });
  };
  if (platform !== 'linux' || !['x64', 'arm64'].includes(arch)) refuse(`${platform} ${arch}`);
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  if (process.platform === 'linux' && report?.header && !report.header.glibcVersionRuntime)
    refuse('Linux without glibc (musl)');
}

/** The C++ compiler: `CXX`, `c++`, `g++` or `clang++`, the first that answers. Throws `CompilerMissingError`. */
export async function findCompiler(environment: Environment, signal?: AbortSignal): Promise<string> {
  const candidates = environment.CXX ? [environment.CXX] : ['c++', 'g++', 'clang++'];
  for (const command of candidates) {
    const { exitCode } = await runCommand(command, ['--version'], { environment, signal });
    if (exitCode === 0) return command;
  }
  throw new CompilerMissingError({
    code: 'TENSORFLOW_NO_COMPILER',
    message: `Expected a C++17 compiler (${candidates.join(', ')}), found none. Install one — Debian/Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++ — or set CXX.`,
    context: { candidates },
  });
}

/** A Python that has pip: `SRCODE_PYTHON`, `python3` or `python`. Throws `PipMissingError`. */
export async function findPythonWithPip(environment: Environment, signal?: AbortSignal): Promise<string> {
  const candidates = environment.SRCODE_PYTHON ? [environment.SRCODE_PYTHON] : ['python3', 'python'];
  let python: string | undefined;
  for (const command of candidates) {
    const { exitCode } = await runCommand(command, ['-m', 'pip', '--version'], { environment, signal });
    if (exitCode === 0) return command;
    if (exitCode !== undefined) python ??= command;
  }
  throw new PipMissingError({
    code: 'TENSORFLOW_NO_PIP',
    message: python
      ? `${python} is there but has no pip, which fetches TensorFlow's library. Install it — Debian/Ubuntu: apt-get install python3-pip; else ${python} -m ensurepip — or give a library: SRCODE_LIBTENSORFLOW=<folder>.`
      : `Expected Python with pip (${candidates.join(', ')}), which fetches TensorFlow's library; found none. Install it — Debian/Ubuntu: apt-get install python3-pip — or give a library: SRCODE_LIBTENSORFLOW=<folder>. Python is not needed afterwards.`,
    context: { candidates },
  });
}

/** Throws `DiskSpaceError` when the file system of `folder` has less than `bytes` free. Creates the folder. */
export async function checkDiskSpace(folder: string, bytes: number): Promise<void> {
  let free: number;
  try {
    await mkdir(folder, { recursive: true });
    const { bavail, bsize } = await statfs(folder);
    free = bavail * bsize;
  } catch (error) {
    throw wrapFileError(error, folder, 'write');
  }
  if (free >= bytes) return;
  const gib = (n: number) => (n / 2 ** 30).toFixed(1);
  throw new DiskSpaceError({
    code: 'TENSORFLOW_DISK_FULL',
    message: `Expected ${gib(bytes)} GiB free in ${folder} for TensorFlow's library, found ${gib(free)} GiB. Free space or point SRCODE_CACHE to another disk.`,
    context: { folder, needed: bytes, free },
  });
}
