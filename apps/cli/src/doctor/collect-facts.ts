import { access, constants, statfs } from 'node:fs/promises';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { type Compiler, detectAnalyzers, detectCompiler, detectSandbox } from '@srcode/analyzers';
import { type BackendCandidate, type BackendName, nativeCacheFolder, selectBackend } from '@srcode/backend';
import { SrcodeError } from '@srcode/core';

/** One thing this machine has, or lacks with the command that brings it. */
export interface Fact {
  readonly name: string;
  readonly available: boolean;
  /** Version, or the reason why not. */
  readonly detail: string;
  /** The command that installs it; null when it is there, or nothing installs it. */
  readonly install: string | null;
}

export interface DoctorFacts {
  readonly node: { readonly version: string; readonly platform: string; readonly supported: boolean };
  readonly backend: { readonly name: BackendName | null; readonly why: string };
  readonly backends: readonly Fact[];
  readonly compiler: Fact & { readonly sanitizers: boolean; readonly cpp: boolean };
  readonly sandbox: Fact & { readonly level: string; readonly isolated: Readonly<Record<string, boolean>> };
  readonly analyzers: readonly Fact[];
  readonly tools: readonly Fact[];
  readonly machine: {
    readonly cores: number;
    readonly memoryBytes: number;
    readonly freeMemoryBytes: number;
    /** Free disk of the working folder. */
    readonly freeDiskBytes: number | null;
    readonly cacheFolder: string;
    readonly freeCacheDiskBytes: number | null;
  };
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Everything that `srcode doctor` tells. Throws only when cancelled: what breaks while it is looked at is a fact too. */
export async function collectFacts(signal?: AbortSignal): Promise<DoctorFacts> {
  const { backend, backends } = await lookAtBackends();
  const cacheFolder = nativeCacheFolder();
  const [compiler, sandbox, analyzers, tools] = await Promise.all([
    lookAtCompiler(),
    lookAtSandbox(),
    lookAtAnalyzers(signal),
    lookAtTools(),
  ]);
  return {
    node: {
      version: process.version,
      platform: `${process.platform}-${process.arch}`,
      supported: Number(process.versions.node.split('.')[0]) >= 20,
    },
    backend,
    backends,
    compiler,
    sandbox,
    analyzers,
    tools,
    machine: {
      cores: availableParallelism(),
      // A container's limit where there is one.
      memoryBytes: Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY),
      freeMemoryBytes: freemem(),
      freeDiskBytes: await freeDisk(process.cwd()),
      cacheFolder,
      freeCacheDiskBytes: await freeDisk(cacheFolder),
    },
  };
}

async function lookAtBackends(): Promise<Pick<DoctorFacts, 'backend' | 'backends'>> {
  let chosen: Awaited<ReturnType<typeof selectBackend>>;
  try {
    chosen = await selectBackend();
  } catch (error) {
    const candidates = SrcodeError.isInstance(error) ? error.context.candidates : undefined;
    const facts = Array.isArray(candidates) ? (candidates as BackendCandidate[]).map(toBackendFact) : [];
    return { backend: { name: null, why: messageOf(error) }, backends: facts };
  }
  const backends: Fact[] = [];
  for (const candidate of chosen.candidates)
    backends.push(toBackendFact(candidate.reason === 'not tried' ? await tryOut(candidate.name) : candidate));
  await selectBackend({ prefer: chosen.name });
  return { backend: { name: chosen.name, why: chosen.why }, backends };
}

/** A candidate that was not needed is tried too, so that the table says of each one what it is. */
async function tryOut(name: BackendName): Promise<BackendCandidate> {
  try {
    const { candidates } = await selectBackend({ prefer: name });
    return candidates.find((candidate) => candidate.name === name)!;
  } catch (error) {
    const candidates = SrcodeError.isInstance(error) ? error.context.candidates : undefined;
    const own = Array.isArray(candidates)
      ? (candidates as BackendCandidate[]).find((candidate) => candidate.name === name)
      : undefined;
    return own ?? { name, available: false, reason: messageOf(error) };
  }
}

function toBackendFact({ name, available, reason }: BackendCandidate): Fact {
  return {
    name,
    available,
    detail: reason,
    install: available || name !== 'tensorflow' ? null : 'srcode backend install',
  };
}

async function lookAtCompiler(): Promise<DoctorFacts['compiler']> {
  const none = { name: 'C compiler', available: false, sanitizers: false, cpp: false };
  try {
    const found = await detectCompiler();
    if (!found.available) return { ...none, detail: found.reason, install: found.install };
    const { version, sanitizers, cppPath, cPath }: Compiler = found.compiler;
    return {
      name: 'C compiler',
      available: true,
      detail: `${version} (${cPath}${cppPath ? `, ${cppPath}` : ', no C++ compiler'})`,
      install: null,
      sanitizers,
      cpp: cppPath !== null,
    };
  } catch (error) {
    return { ...none, detail: messageOf(error), install: null };
  }
}

async function lookAtSandbox(): Promise<DoctorFacts['sandbox']> {
  try {
    const report = await detectSandbox();
    return {
      name: 'sandbox',
      available: true,
      detail: report.reasons.length === 0 ? 'strongest level' : report.reasons.join('; '),
      install:
        report.level === 'bubblewrap' || process.platform !== 'linux'
          ? null
          : 'Debian/Ubuntu: apt install bubblewrap; Fedora: dnf install bubblewrap',
      level: report.level,
      isolated: {
        network: report.networkIsolated,
        files: report.filesystemIsolated,
        processes: report.processesIsolated,
        user: report.userIsolated,
      },
    };
  } catch (error) {
    return {
      name: 'sandbox',
      available: false,
      detail: messageOf(error),
      install: null,
      level: 'none',
      isolated: { network: false, files: false, processes: false, user: false },
    };
  }
}

async function lookAtAnalyzers(signal: AbortSignal | undefined): Promise<Fact[]> {
  return (await detectAnalyzers(undefined, signal)).map(({ analyzer, availability }) =>
    availability.available
      ? {
          name: analyzer.name,
          available: true,
          detail: `${availability.version}${analyzer.embedded ? ' (embedded)' : ''}`,
          install: null,
        }
      : {
          name: analyzer.name,
          available: false,
          detail: availability.reason,
          install: availability.install,
        },
  );
}

/** Tools that a part of SRCode needs beside the compiler: Python for HumanEval Pro, pip and npm for the native backend. */
async function lookAtTools(): Promise<Fact[]> {
  const wanted = [
    [
      'python3',
      'HumanEval Pro and MBPP Pro',
      'Debian/Ubuntu: apt install python3; macOS: brew install python',
    ],
    ['pip3', 'srcode backend install', 'Debian/Ubuntu: apt install python3-pip; macOS: brew install python'],
    ['npm', 'srcode backend install', 'install Node.js with npm, e.g. from nodejs.org'],
  ] as const;
  return Promise.all(
    wanted.map(async ([name, use, install]) => {
      const path = await findOnPath(name);
      return path === null
        ? { name, available: false, detail: `not on the PATH; needed for ${use}`, install }
        : { name, available: true, detail: path, install: null };
    }),
  );
}

async function findOnPath(name: string): Promise<string | null> {
  for (const folder of (process.env.PATH ?? '').split(delimiter))
    if (folder !== '' && (await isExecutable(join(folder, name)))) return join(folder, name);
  return null;
}

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

/** Free bytes of the disk that `path`, or the nearest folder above it that exists, is on. */
async function freeDisk(path: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch (error) {
    const above = dirname(path);
    return (error as NodeJS.ErrnoException).code === 'ENOENT' && above !== path ? freeDisk(above) : null;
  }
}
