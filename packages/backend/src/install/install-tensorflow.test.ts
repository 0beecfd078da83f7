import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { CancelledError, drainJob, fixedClock } from '@srcode/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadTensorflow } from '../load-tensorflow.js';
import { checkDiskSpace, checkPlatform } from './check-machine.js';
import { classifyFetchFailure } from './classify-failure.js';
import {
  BuildFailedError,
  CompilerMissingError,
  DiskSpaceError,
  LibraryIncompleteError,
  NetworkUnavailableError,
  NpmMissingError,
  PackageCorruptError,
  PackageUnavailableError,
  PipMissingError,
  PlatformUnsupportedError,
  VerifyFailedError,
} from './errors.js';
import { checkIntegrity } from './fetch-sources.js';
import { findLibrary } from './find-library.js';
import { installTensorflow } from './install-tensorflow.js';
import { bindingPackage, kernelsVersion, napiVersion, tensorflowVersion } from './pinned.js';
import type { InstallEvent, InstallStamp, InstallTensorflowOptions } from './types.js';
import { uninstallTensorflow } from './uninstall-tensorflow.js';
import { verifyBinding } from './verify-binding.js';

let root: string;
let tools: string;
let cacheDir: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'srcode-install-'));
  tools = join(root, 'bin');
  cacheDir = join(root, 'cache');
  await mkdir(tools);
});

afterEach(() => rm(root, { recursive: true, force: true }));

/** Puts a shell script on the PATH of the installer; nothing else is on it. */
async function tool(name: string, body: string): Promise<void> {
  const path = join(tools, name);
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
}

async function fakeLibrary(folder: string): Promise<string> {
  await mkdir(join(folder, 'include/tensorflow/c/eager'), { recursive: true });
  await mkdir(join(folder, 'lib'), { recursive: true });
  await writeFile(join(folder, 'include/tensorflow/c/c_api.h'), '');
  await writeFile(join(folder, 'include/tensorflow/c/eager/c_api.h'), '');
  for (const name of ['libtensorflow.so.2', 'libtensorflow_framework.so.2'])
    await writeFile(join(folder, 'lib', name), '');
  return folder;
}

async function fakeInstall(changes: Partial<InstallStamp> = {}): Promise<InstallStamp> {
  const folder = join(cacheDir, 'tensorflow');
  const libraryFolder = await fakeLibrary(join(cacheDir, 'libtensorflow', 'cpu'));
  const check = { tensorflowVersion, gpu: false, matMulError: 0, gradientError: 0, gigaflops: 1 };
  const stamp: InstallStamp = {
    ...{
      format: 1,
      variant: 'cpu',
      tensorflowVersion,
      library: 'some.whl',
      libraryFolder,
      wheelSha256: null,
    },
    ...{ bindingVersion: bindingPackage.version, napiVersion, check },
    platform: `${process.platform}-${process.arch}`,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    kernels: kernelsVersion,
    ...changes,
  };
  await mkdir(join(folder, 'lib'), { recursive: true });
  await writeFile(join(folder, 'lib', 'tfjs_binding.node'), '');
  await writeFile(join(folder, 'stamp.json'), JSON.stringify(stamp));
  return stamp;
}

function install(options: Partial<InstallTensorflowOptions> = {}, events: InstallEvent[] = []) {
  const environment = { PATH: tools, HOME: root };
  const job = installTensorflow({ cacheDir, environment, clock: fixedClock(0, 1), ...options });
  return drainJob(job, (event) => events.push(event));
}

const onLinux = process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch);

describe('installTensorflow', () => {
  it('says that it is already installed, without running anything', async () => {
    const stamp = await fakeInstall();
    const events: InstallEvent[] = [];
    expect(await install({}, events)).toMatchObject({ state: 'already-installed', stamp });
    expect(events).toEqual([]);
  });

  it('takes a CUDA build for good when the CPU is asked for, but not the other way round', async () => {
    await fakeInstall({ variant: 'cuda' });
    expect(await install()).toMatchObject({ state: 'already-installed' });
    await fakeInstall({ variant: 'cpu' });
    await expect(install({ cuda: true })).rejects.toThrow();
  });

  it.runIf(onLinux)('builds again when the stamp is of another version or the library is gone', async () => {
    await fakeInstall({ tensorflowVersion: '2.9.1' });
    await expect(install()).rejects.toBeInstanceOf(CompilerMissingError);
    const { libraryFolder } = await fakeInstall();
    await rm(libraryFolder, { recursive: true });
    await expect(install()).rejects.toBeInstanceOf(CompilerMissingError);
  });

  it('stops before anything when cancelled', async () => {
    await expect(install({ signal: AbortSignal.abort() })).rejects.toBeInstanceOf(CancelledError);
    expect(await readdir(root)).toEqual(['bin']);
  });
});

describe.runIf(onLinux)('what can be missing, each with its own error and next step', () => {
  it('a compiler', async () => {
    await expect(install()).rejects.toThrow(/apt-get install g\+\+/);
    await tool('gcc-9', 'exit 1');
    const environment = { PATH: tools, CXX: 'gcc-9' };
    await expect(install({ environment })).rejects.toBeInstanceOf(CompilerMissingError);
  });

  it('Python, then pip', async () => {
    await tool('c++', 'exit 0');
    await expect(install()).rejects.toBeInstanceOf(PipMissingError);
    await tool('python3', 'echo No module named pip >&2; exit 1');
    await expect(install()).rejects.toThrow(/python3 is there but has no pip/);
  });

  it('the network, disk space, and a wheel for this machine', async () => {
    await tool('c++', 'exit 0');
    const pip = (said: string) =>
      tool('python3', `case "$3" in --version) exit 0;; *) echo "${said}" >&2; exit 1;; esac`);
    await pip('Max retries exceeded: Temporary failure in name resolution');
    await expect(install()).rejects.toBeInstanceOf(NetworkUnavailableError);
    await pip('OSError: No space left on device');
    await expect(install()).rejects.toBeInstanceOf(DiskSpaceError);
    await pip('ERROR: No matching distribution found for tensorflow-cpu');
    await expect(install()).rejects.toBeInstanceOf(PackageUnavailableError);
    expect(await readdir(join(cacheDir, 'libtensorflow')).catch(() => [])).toEqual([]);
  });

  it('npm, an honest registry, and a binding that compiles', async () => {
    await tool('c++', 'test "$1" = --version && exit 0; echo "fatal error: node_api.h" >&2; exit 1');
    const libtensorflowPath = await fakeLibrary(join(root, 'given'));
    await expect(install({ libtensorflowPath })).rejects.toBeInstanceOf(NpmMissingError);
    await tool('npm', 'echo other > tensorflow-tfjs-node-gpu-4.22.0.tgz');
    await expect(install({ libtensorflowPath })).rejects.toBeInstanceOf(PackageCorruptError);
    await tool('npm', 'echo npm error code ENOTFOUND >&2; exit 1');
    await expect(install({ libtensorflowPath })).rejects.toBeInstanceOf(NetworkUnavailableError);
    expect((await readdir(cacheDir)).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it('leaves an older install as it was when a new one fails', async () => {
    await fakeInstall({ tensorflowVersion: '2.9.1' });
    const before = await readFile(join(cacheDir, 'tensorflow', 'stamp.json'), 'utf8');
    await tool('c++', 'exit 0');
    const libtensorflowPath = await fakeLibrary(join(root, 'given'));
    await expect(install({ libtensorflowPath })).rejects.toThrow();
    expect(await readFile(join(cacheDir, 'tensorflow', 'stamp.json'), 'utf8')).toBe(before);
  });

  it('headers or libraries in the folder given', async () => {
    await tool('c++', 'exit 0');
    await expect(install({ libtensorflowPath: join(root, 'nowhere') })).rejects.toBeInstanceOf(
      LibraryIncompleteError,
    );
  });

  it('a binding that loads', async () => {
    await writeFile(join(root, 'index.cjs'), 'throw new Error("wrong ELF class")');
    await writeFile(join(root, 'package.json'), '{"main":"index.cjs"}');
    const verified = verifyBinding(root, { environment: process.env, signal: undefined });
    await expect(verified).rejects.toBeInstanceOf(VerifyFailedError);
    await expect(verified).rejects.toThrow(/wrong ELF class/);
  });
});

describe('parts', () => {
  it('finds a release of libtensorflow and a wheel folder, and names what is missing', async () => {
    const release = await fakeLibrary(join(root, 'release'));
    expect(findLibrary(release)).toMatchObject({
      libraryFolder: join(release, 'lib'),
      files: ['libtensorflow.so.2', 'libtensorflow_framework.so.2'],
    });
    await rm(join(release, 'lib', 'libtensorflow_framework.so.2'));
    expect(() => findLibrary(release)).toThrow(/libtensorflow_framework\.so\.2 is missing/);
    await writeFile(join(release, 'libtensorflow_cc.so.2'), '');
    await rm(join(release, 'lib'), { recursive: true });
    await writeFile(join(release, 'libtensorflow_framework.so.2'), '');
    expect(findLibrary(release)).toMatchObject({ libraryFolder: release });
    await rm(join(release, 'include/tensorflow/c/c_api.h'));
    expect(() => findLibrary(release)).toThrow(/c_api\.h is missing/);
  });

  it('refuses other platforms, other packages and full disks by name', async () => {
    expect(() => checkPlatform('darwin', 'arm64')).toThrow(PlatformUnsupportedError);
    expect(() => checkPlatform('linux', 'ia32')).toThrow(/ia32/);
    expect(() => checkIntegrity(bindingPackage, Buffer.from('other'))).toThrow(/npm's registry setting/);
    await expect(checkDiskSpace(root, Number.MAX_SAFE_INTEGER)).rejects.toBeInstanceOf(DiskSpaceError);
  });

  it('passes on the last words of a package client', () => {
    const said = { exitCode: 1, stdout: '', tail: 'a\nERROR: 404 Not Found\n' };
    expect(classifyFetchFailure('npm', 'x@1', said)).toMatchObject({
      message: expect.stringContaining('404 Not Found'),
    });
    expect(BuildFailedError.isInstance(classifyFetchFailure('npm', 'x@1', said))).toBe(false);
  });

  it('uninstalls what it installed and nothing else', async () => {
    await fakeInstall();
    await mkdir(join(cacheDir, 'tensorflow.12.partial'));
    await writeFile(join(cacheDir, 'other'), '');
    expect((await uninstallTensorflow({ cacheDir })).length).toBe(3);
    expect(await readdir(cacheDir)).toEqual(['other']);
    expect(await uninstallTensorflow({ cacheDir })).toEqual([]);
  });

  it('does not load a binding that was built against another library', async () => {
    await fakeInstall({ variant: 'given', library: '/opt/a' });
    const loaded = await loadTensorflow({ SRCODE_CACHE: cacheDir, SRCODE_LIBTENSORFLOW: '/opt/b' });
    expect(loaded).toMatchObject({ available: false, reason: expect.stringMatching(/not built against/) });
    const broken = await loadTensorflow({ SRCODE_CACHE: cacheDir });
    expect(broken).toMatchObject({ available: false, reason: expect.stringMatching(/does not load/) });
  });
});
