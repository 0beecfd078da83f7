import { insideWorkDir } from './build-command.js';

/** One program of a sequence, as the script needs it. */
export interface StepPlan {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly access: 'read-only' | 'read-write';
  readonly cpuSeconds: number;
  readonly memoryBytes: number | undefined;
  readonly fileSizeBytes: number;
  readonly maxProcesses: number;
  /** The sequence ends when this program fails. */
  readonly stopOnFailure: boolean;
}

export interface StepsPaths {
  readonly root: string;
  readonly fstab: string;
  readonly failure: string;
  /** Folder for `<index>.out`, `<index>.err` and `<index>.status`; no program sees it. */
  readonly out: string;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Limits that must hold, joined by `&&`; the number of processes has two names, one per shell. */
function buildLimits(step: StepPlan): string {
  return [
    'ulimit -c 0',
    // The soft limit first: a hard one below it is refused.
    `ulimit -S -t ${step.cpuSeconds}`,
    `ulimit -H -t ${step.cpuSeconds + 1}`,
    `ulimit -f ${Math.floor(step.fileSizeBytes / 512)}`,
    'ulimit -n 256',
    `{ ulimit -u ${step.maxProcesses} || ulimit -p ${step.maxProcesses}; } 2>/dev/null`,
    ...(step.memoryBytes === undefined ? [] : [`ulimit -v ${Math.ceil(step.memoryBytes / 1024)}`]),
  ].join(' && ');
}

function buildStep(step: StepPlan, index: number, uid: number | null, paths: StepsPaths): string {
  const base = quote(`${paths.out}/${index}`);
  const root = quote(paths.root);
  const enter =
    uid === null
      ? `chroot ${root} setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --`
      : `chroot --userspec=${uid}:${uid} --groups= ${root} setpriv --no-new-privs --`;
  const exports = Object.entries(step.env).map(([name, value]) => `export ${name}=${quote(value)};`);
  const program = [step.command, ...step.args].map(quote).join(' ');
  return `
({ ${buildLimits(step)}; } || { echo limits > ${quote(paths.failure)}; exit 125; }
${exports.join(' ')}
exec ${enter} sh -c 'cd ${insideWorkDir} && exec "$@"' sh ${program}) < /dev/null > ${base}.out 2> ${base}.err
status=$?
[ -e ${quote(paths.failure)} ] && exit 125
kill -9 -- -1 2>/dev/null
echo $status > ${base}.status${step.stopOnFailure ? '\n[ $status = 0 ] || exit 0' : ''}`;
}

/**
 * A script for process 1 of a fresh process namespace: mounts the private root once, then runs the programs one after
 * the other. Between two of them every process is killed, and before the first read-only one the folder becomes
 * read-only for good, so that no program reaches what a later one runs.
 */
export function buildStepsScript(steps: readonly StepPlan[], uid: number | null, paths: StepsPaths): string {
  const firstReadOnly = steps.findIndex(({ access }) => access === 'read-only');
  const failure = quote(paths.failure);
  const parts = steps.map((step, index) => {
    const seal = `mount -o remount,bind,ro ${quote(paths.root + insideWorkDir)} || { echo remount > ${failure}; exit 125; }`;
    return `${index === firstReadOnly ? seal : ''}${buildStep(step, index, uid, paths)}`;
  });
  return `mount -a -T ${quote(paths.fstab)} || { echo mount > ${failure}; exit 125; }
echo 1000 > /proc/self/oom_score_adj
${parts.join('\n')}
exit 0
`;
}
