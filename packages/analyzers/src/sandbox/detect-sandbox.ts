import { EnvironmentError } from '@srcode/core';
import { createSandbox } from './create-sandbox.js';
import type { SandboxLevel, SandboxReport } from './types.js';

const levels: readonly SandboxLevel[] = ['bubblewrap', 'unshare'];

/* Prints one word per promise kept: what the report claims is what this found. */
const probeScript = `
[ -e /work ] && [ ! -e /home ] && [ ! -e /root ] && ! touch /usr/.srcode-probe 2>/dev/null && printf 'files '
[ "$(wc -l < /proc/net/dev)" -le 3 ] && ! grep -q -v -e 'Inter' -e 'face' -e ' lo:' /proc/net/dev && printf 'network '
[ ! -e "/proc/$1" ] && printf 'processes '
[ ! -e probe-denied ] && printf 'done'
`;

async function probeLevel(level: SandboxLevel): Promise<{ report: SandboxReport } | { reason: string }> {
  const sandbox = createSandbox({ level });
  const workDir = await sandbox.openWorkDir({});
  try {
    const result = await workDir.run({
      command: 'sh',
      args: ['-c', probeScript, 'sh', String(process.pid)],
      timeoutMs: 10_000,
    });
    const kept = new Set(result.stdout.split(' '));
    if (/bwrap: No such file/.test(result.stderr)) return { reason: `${level}: not installed` };
    if (!kept.has('done') || !kept.has('network') || !kept.has('files'))
      return {
        reason: `${level}: does not isolate here (${firstLine(result.stderr) || `got "${result.stdout.trim()}"`})`,
      };
    return {
      report: {
        level,
        networkIsolated: true,
        filesystemIsolated: true,
        processesIsolated: kept.has('processes') || level === 'bubblewrap',
        userIsolated: process.getuid?.() === 0,
        reasons: [],
      },
    };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return {
      reason: missing
        ? `${level}: not installed`
        : `${level}: ${firstLine((error as Error).message) || 'failed to start'}`,
    };
  } finally {
    await workDir.dispose();
  }
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0]?.slice(0, 200) ?? '';
}

let detected: Promise<SandboxReport> | undefined;

/**
 * The strongest sandbox this machine allows, found by running a probe in each. Detected once per process.
 * Throws `EnvironmentError` on Windows, which has none of them.
 */
export function detectSandbox(): Promise<SandboxReport> {
  detected ??= detect();
  return detected;
}

async function detect(): Promise<SandboxReport> {
  if (process.platform === 'win32')
    throw new EnvironmentError({
      code: 'SANDBOX_UNSUPPORTED',
      message:
        'Expected Linux or macOS to run generated programs, got Windows, where no sandbox is built in. Run SRCode in WSL.',
    });
  const reasons: string[] = [];
  if (process.platform === 'linux') {
    for (const level of levels) {
      const outcome = await probeLevel(level);
      if ('report' in outcome) return { ...outcome.report, reasons };
      reasons.push(outcome.reason);
    }
  } else reasons.push(`${process.platform}: no namespaces`);
  return {
    level: 'limits-only',
    networkIsolated: false,
    filesystemIsolated: false,
    processesIsolated: false,
    userIsolated: process.getuid?.() === 0,
    reasons,
  };
}
