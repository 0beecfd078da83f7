import type { SandboxLevel } from './types.js';

/** Where a program's files are inside a sandbox with a private root. */
export const insideWorkDir = '/work';

/** Where the folder shared by all runs is inside a sandbox with a private root. */
export const insideSharedDir = '/shared';

export interface PlanOptions {
  readonly level: SandboxLevel;
  /** Absolute host path of the private folder with the program's files. */
  readonly workDir: string;
  readonly workDirAccess: 'read-only' | 'read-write';
  readonly command: string;
  readonly args: readonly string[];
  readonly cpuSeconds: number;
  readonly memoryBytes: number | undefined;
  readonly fileSizeBytes: number;
  readonly maxProcesses: number;
  /** User id to run under; null when this process may not change it. */
  readonly uid: number | null;
  /** Host folder shown read-only at `insideSharedDir`; null for none. */
  readonly sharedDir: string | null;
}

export interface UnsharePaths {
  /** Empty skeleton of the private root. */
  readonly root: string;
  /** Mount table of this run. */
  readonly fstab: string;
  /** Written when setting up fails, before the program starts; outside what the program sees. */
  readonly failure: string;
}

/** Names under / that a private root links into /usr, as merged-/usr systems have them. */
export const usrLinks = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'] as const;

/** Files of /etc that compilers and the dynamic linker read; nothing else of /etc is shown. */
export const etcPaths = ['alternatives', 'ld.so.cache', 'ld.so.conf', 'ld.so.conf.d'] as const;

export const devicePaths = ['null', 'zero', 'random', 'urandom'] as const;

function buildPrlimit(options: PlanOptions): string[] {
  return [
    'prlimit',
    '--core=0',
    `--cpu=${options.cpuSeconds}:${options.cpuSeconds + 1}`,
    `--fsize=${options.fileSizeBytes}`,
    `--nproc=${options.maxProcesses}`,
    '--nofile=256',
    ...(options.memoryBytes === undefined ? [] : [`--as=${options.memoryBytes}`]),
    '--',
  ];
}

function escapeFstab(path: string): string {
  return path.replace(/[\s\\#]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

/** The mount table of one run; `exists` tells which optional host paths are there. */
export function buildFstab(
  options: Pick<PlanOptions, 'workDir' | 'workDirAccess' | 'sharedDir'>,
  root: string,
  exists: readonly string[],
): string {
  const access = options.workDirAccess === 'read-only' ? 'bind,ro' : 'bind';
  const rows: [string, string, string, string][] = [
    ['/usr', '/usr', 'none', 'bind,ro'],
    ...exists.map((path): [string, string, string, string] => [path, path, 'none', 'bind,ro']),
    ...devicePaths.map((name): [string, string, string, string] => [
      `/dev/${name}`,
      `/dev/${name}`,
      'none',
      'bind',
    ]),
    ['proc', '/proc', 'proc', 'nosuid,nodev,noexec'],
    ['tmpfs', '/tmp', 'tmpfs', 'size=32m,nr_inodes=4096,nosuid,nodev,mode=1777'],
    [options.workDir, insideWorkDir, 'none', access],
    ...(options.sharedDir === null
      ? []
      : [[options.sharedDir, insideSharedDir, 'none', 'bind,ro'] as [string, string, string, string]]),
  ];
  const lines = rows.map(([from, to, type, flags]) =>
    [escapeFstab(from), escapeFstab(`${root}${to}`), type, flags, '0', '0'].join(' '),
  );
  return `${lines.join('\n')}\n`;
}

/*
 * Runs as process 1 of a fresh process namespace: mounts the private root, then the program as a child, so that
 * the program is not process 1 (which ignores signals that it raises itself). When it ends, the kernel kills
 * whatever the program left behind.
 */
const unshareScript = `
root=$1; fstab=$2; failure=$3; uid=$4; shift 4
mount -a -T "$fstab" || { echo mount > "$failure"; exit 125; }
echo 1000 > /proc/self/oom_score_adj
if [ "$uid" = - ]; then set -- chroot "$root" "$@"
else set -- chroot --userspec="$uid:$uid" --groups= "$root" "$@"; fi
"$@"
exit $?
`;

const enterScript = `cd ${insideWorkDir} && exec "$@"`;

/** What starts the script that is process 1 of fresh namespaces; it dies with us. */
export function unsharePrefix(uid: number | null): string[] {
  return [
    ...['setpriv', '--pdeathsig', 'KILL', 'unshare'],
    ...(uid === null ? ['--map-root-user'] : []),
    ...['--mount', '--net', '--pid', '--ipc', '--uts', '--fork', '--kill-child'],
  ];
}

function buildUnshare(options: PlanOptions, paths: UnsharePaths): string[] {
  const dropsCapabilities = options.uid === null ? ['--bounding-set=-all', '--inh-caps=-all'] : [];
  return [
    ...unsharePrefix(options.uid),
    ...['sh', '-c', unshareScript, 'sh', paths.root, paths.fstab, paths.failure],
    options.uid === null ? '-' : String(options.uid),
    ...['setpriv', '--no-new-privs', ...dropsCapabilities, '--'],
    ...buildPrlimit(options),
    ...['sh', '-c', enterScript, 'sh', options.command, ...options.args],
  ];
}

function buildBubblewrap(options: PlanOptions, exists: readonly string[]): string[] {
  const asUser =
    options.uid === null
      ? []
      : ['setpriv', `--reuid=${options.uid}`, `--regid=${options.uid}`, '--clear-groups', '--no-new-privs'];
  return [
    ...asUser,
    ...['bwrap', '--unshare-all', '--die-with-parent', '--new-session', '--cap-drop', 'ALL'],
    ...['--ro-bind', '/usr', '/usr'],
    ...usrLinks.flatMap((name) => ['--ro-bind-try', `/${name}`, `/${name}`]),
    ...exists.flatMap((path) => ['--ro-bind', path, path]),
    ...(options.sharedDir === null ? [] : ['--ro-bind', options.sharedDir, insideSharedDir]),
    ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'],
    options.workDirAccess === 'read-only' ? '--ro-bind' : '--bind',
    ...[options.workDir, insideWorkDir, '--chdir', insideWorkDir, '--'],
    ...buildPrlimit(options),
    ...[options.command, ...options.args],
  ];
}

/*
 * Without namespaces only the limits of the shell remain. `ulimit -f` counts 512-byte blocks; `-u` is bash's and
 * macOS's name for what dash calls `-p`.
 */
const limitsScript = `
cpu=$1; blocks=$2; processes=$3; kib=$4; shift 4
ulimit -c 0 && ulimit -t "$cpu" && ulimit -f "$blocks" && ulimit -n 256 || exit 125
{ ulimit -u "$processes" || ulimit -p "$processes"; } 2>/dev/null || exit 125
[ "$kib" = - ] || ulimit -v "$kib" 2>/dev/null
exec "$@"
`;

function buildLimitsOnly(options: PlanOptions): string[] {
  return [
    ...['sh', '-c', limitsScript, 'sh', String(options.cpuSeconds)],
    ...[String(Math.floor(options.fileSizeBytes / 512)), String(options.maxProcesses)],
    options.memoryBytes === undefined ? '-' : String(Math.ceil(options.memoryBytes / 1024)),
    ...[options.command, ...options.args],
  ];
}

/** The command line that runs a program at a sandbox level. */
export function buildCommand(
  options: PlanOptions,
  paths: UnsharePaths,
  exists: readonly string[],
): readonly string[] {
  switch (options.level) {
    case 'bubblewrap':
      return buildBubblewrap(options, exists);
    case 'unshare':
      return buildUnshare(options, paths);
    case 'limits-only':
      return buildLimitsOnly(options);
  }
}
