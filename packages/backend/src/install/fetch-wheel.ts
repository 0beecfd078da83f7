import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { hashFile } from '@srcode/core';
import { classifyFetchFailure } from './classify-failure.js';
import { LibraryIncompleteError, PackageCorruptError } from './errors.js';
import { lastLines, runCommand } from './run-command.js';

export interface WheelContext {
  readonly python: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal | undefined;
}

/** Python tag of the wheels; any will do, since only C headers and libraries are taken out of them. */
const pythonTags = ['--python-version', '3.12', '--implementation', 'cp', '--abi', 'cp312', '--abi', 'none'];

function platformTags(arch: string): string[] {
  const machine = arch === 'arm64' ? 'aarch64' : 'x86_64';
  return ['manylinux_2_27', 'manylinux_2_28', 'manylinux_2_17', 'manylinux2014'].flatMap((tag) => [
    '--platform',
    `${tag}_${machine}`,
  ]);
}

/** Downloads one wheel by pip into `folder` (emptied first) and returns its path. */
export async function downloadWheel(
  requirement: string,
  folder: string,
  { python, environment, signal }: WheelContext,
): Promise<string> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const fixed = ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--no-cache-dir'];
  const quiet = ['--progress-bar', 'off', '--disable-pip-version-check', '--retries', '2'];
  const args = [...fixed, ...quiet, ...pythonTags, ...platformTags(process.arch), '--dest', folder];
  const result = await runCommand(python, [...args, requirement], { environment, signal });
  const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
  if (result.exitCode !== 0 || !wheel) throw classifyFetchFailure('pip', requirement, result);
  return join(folder, wheel);
}

/*
 * Run by Python: unpacks the members of a wheel that the binding needs, flattened to include/ and lib/, and prints
 * the requirements of the extra `and-cuda`. Names that would leave the folder are refused by zipfile itself.
 */
const unpackLibrary = `
import os, shutil, sys, zipfile
wheel, out = sys.argv[1:3]
prefix = "tensorflow/"
headers = ("include/tensorflow/c/", "include/tensorflow/core/platform/", "include/tsl/", "include/xla/")
with zipfile.ZipFile(wheel) as z:
    for name in z.namelist():
        if name.endswith(".dist-info/METADATA"):
            for line in z.read(name).decode().splitlines():
                if line.startswith("Requires-Dist:") and "and-cuda" in line:
                    print(line[len("Requires-Dist:"):].split(";")[0].strip())
        if not name.startswith(prefix) or name.endswith("/"):
            continue
        inner = name[len(prefix):]
        if inner.startswith("libtensorflow"):
            target = os.path.join(out, "lib", os.path.basename(inner))
        elif inner.startswith(headers) and ".." not in inner.split("/"):
            target = os.path.join(out, inner)
        else:
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with z.open(name) as source, open(target, "wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
`;

/* Run by Python: unpacks the shared objects of an NVIDIA wheel, where TensorFlow's own search path expects them. */
const unpackNvidia = `
import os, sys, zipfile
wheel, out = sys.argv[1:3]
with zipfile.ZipFile(wheel) as z:
    for name in z.namelist():
        if name.startswith("nvidia/") and not name.endswith("/") and ("/lib/" in name or "/bin/" in name or "/nvvm/" in name):
            z.extract(name, out)
`;

async function unpack(script: string, wheel: string, folder: string, context: WheelContext): Promise<string> {
  const { python, environment, signal } = context;
  const result = await runCommand(python, ['-c', script, wheel, folder], { environment, signal });
  if (result.exitCode === 0) return result.stdout;
  if (/No space left|Errno 28/.test(result.tail)) throw classifyFetchFailure('pip', basename(wheel), result);
  throw new PackageCorruptError({
    code: 'TENSORFLOW_WHEEL_CORRUPT',
    message: `Expected a wheel (a ZIP archive) at ${wheel}; it could not be unpacked. Delete it and fetch it again. Python said: ${lastLines(result.tail, 1)}`,
    context: { wheel },
  });
}

export interface UnpackedLibrary {
  readonly sha256: string;
  readonly cudaRequirements: readonly string[];
}

/**
 * Unpacks a TensorFlow wheel's C headers to `folder/include` and its libraries to `folder/lib`; a crash leaves no
 * half-filled folder. Returns the wheel's hash and what its extra `and-cuda` asks for.
 */
export async function unpackTensorflowWheel(
  wheel: string,
  folder: string,
  context: WheelContext,
): Promise<UnpackedLibrary> {
  const partial = `${folder}.${process.pid}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  try {
    const [sha256, stdout] = await Promise.all([
      hashFile(wheel),
      unpack(unpackLibrary, wheel, partial, context),
    ]);
    if (!(await readdir(partial)).includes('lib')) {
      throw new LibraryIncompleteError({
        code: 'TENSORFLOW_LIBRARY_INCOMPLETE',
        message: `Expected a TensorFlow wheel with tensorflow/libtensorflow_cc.so.2, found none in ${basename(wheel)}. Give the wheel of \`tensorflow-cpu\` or \`tensorflow\` for Linux.`,
        context: { wheel },
      });
    }
    await rm(folder, { recursive: true, force: true });
    await rename(partial, folder);
    return { sha256, cudaRequirements: stdout.split('\n').filter((line) => line.trim() !== '') };
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** Downloads the NVIDIA wheels that TensorFlow's CUDA build asks for and unpacks their libraries beside it. */
export async function* fetchCudaLibraries(
  requirements: readonly string[],
  folder: string,
  context: WheelContext,
): AsyncGenerator<string, void> {
  const scratch = `${folder}.${process.pid}.wheels`;
  try {
    for (const requirement of requirements) {
      const wheel = await downloadWheel(requirement, scratch, context);
      await unpack(unpackNvidia, wheel, folder, context);
      yield basename(wheel);
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
