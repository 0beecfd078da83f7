import { existsSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { CancelledError, InputError } from '@srcode/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { detectSandbox } from './detect-sandbox.js';
import { runSandboxed } from './run-sandboxed.js';
import type { SandboxLevel } from './types.js';

const report = await detectSandbox();
const levels: SandboxLevel[] =
  report.level === 'limits-only' ? ['limits-only'] : [report.level, 'limits-only'];

/** Command lines of all processes on this machine that contain a marker. */
async function findProcesses(marker: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (text.replaceAll('\0', ' ').includes(marker)) found.push(pid);
  }
  return found;
}

async function expectNoProcess(marker: string): Promise<void> {
  for (let turn = 0; turn < 40; turn++) {
    if ((await findProcesses(marker)).length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(await findProcesses(marker)).toEqual([]);
}

const script = (text: string) => ({ command: 'sh', args: ['-c', text] }) as const;

describe.each(levels)('a hostile program at level %s', (level) => {
  it('returns exit status, output and files of a well-behaved program', async () => {
    const result = await runSandboxed({
      level,
      ...script('cat data/in.txt; cat; echo bad >&2; exit 7'),
      files: { 'data/in.txt': 'hello\n' },
      stdin: 'typed\n',
    });
    expect(result).toEqual({
      exitCode: 7,
      signal: null,
      stdout: 'hello\ntyped\n',
      stderr: 'bad\n',
      timedOut: false,
      outputExceeded: false,
    });
  });

  it('does not run longer than its CPU time or its wall clock', async () => {
    const busy = await runSandboxed({
      level,
      ...script('while :; do :; done'),
      cpuMs: 1000,
      timeoutMs: 20_000,
    });
    expect(busy.timedOut).toBe(false);
    expect(busy.signal).toMatch(/^SIG(?:XCPU|KILL)$/);
    const idle = await runSandboxed({ level, ...script('sleep 60'), timeoutMs: 500 });
    expect(idle.timedOut).toBe(true);
  });

  it('cannot fork without end, and nothing of it is left', async () => {
    const marker = `47${process.pid}.${level.length}`;
    const result = await runSandboxed({
      level,
      ...script(`i=0; while [ $i -lt 300 ]; do sleep ${marker} & i=$((i+1)); done; echo all`),
      maxProcesses: 12,
      timeoutMs: 5000,
    });
    expect(result.stdout).not.toContain('all');
    expect(result.stderr).toMatch(/fork|resource/i);
    await expectNoProcess(`sleep ${marker}`);
  });

  it('does not survive a fork bomb that never waits', async () => {
    const result = await runSandboxed({
      level,
      ...script('f() { f | f & f; }; f'),
      maxProcesses: 16,
      timeoutMs: 1500,
      cpuMs: 1000,
    });
    expect(result.exitCode).not.toBe(0);
  });

  it('is killed when it writes more than its output cap, which is all that is kept', async () => {
    const result = await runSandboxed({
      level,
      ...script('yes hostile'),
      maxOutputBytes: 10_000,
      timeoutMs: 10_000,
    });
    expect(result.outputExceeded).toBe(true);
    expect(result.stdout.length).toBe(10_000);
  });

  it('cannot write a file larger than the cap', async () => {
    const result = await runSandboxed({
      level,
      ...script('head -c 3000000 /dev/zero > big; wc -c < big'),
      fileSizeBytes: 1_000_000,
    });
    expect(Number(result.stdout)).toBeLessThanOrEqual(1_000_000);
  });

  it('sees none of our environment', async () => {
    process.env.SRCODE_TEST_SECRET = 'swordfish-in-env';
    try {
      const result = await runSandboxed({
        level,
        ...script('env; cat /proc/1/environ; cat /proc/$PPID/environ'),
      });
      expect(result.stdout).not.toContain('swordfish');
      expect(result.stdout).toContain('LC_ALL=C.UTF-8');
    } finally {
      delete process.env.SRCODE_TEST_SECRET;
    }
  });

  it('dies with its children when they ignore SIGTERM and outlive their parent', async () => {
    const marker = `48${process.pid}.${level.length}`;
    const result = await runSandboxed({
      level,
      ...script(`trap '' TERM HUP; (trap '' TERM HUP; exec sleep ${marker}) & exit 0`),
    });
    expect(result.exitCode).toBe(0);
    await expectNoProcess(`sleep ${marker}`);
  });

  it('dies on abort', async () => {
    const marker = `49${process.pid}.${level.length}`;
    const controller = new AbortController();
    const running = runSandboxed({ level, ...script(`sleep ${marker}`), signal: controller.signal });
    setTimeout(() => controller.abort(), 300);
    await expect(running).rejects.toThrow(CancelledError);
    await expectNoProcess(`sleep ${marker}`);
  });

  it('leaves no private folder behind', async () => {
    const own = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('srcode-run-')).length;
    const before = await own();
    for (let i = 0; i < 3; i++) await runSandboxed({ level, ...script('touch a b c; exit 1') });
    // Other test files of this suite run at the same time.
    expect(await own()).toBeLessThanOrEqual(before + 8);
  });

  it.runIf(process.getuid?.() === 0)('runs under a user id that owns nothing else', async () => {
    const result = await runSandboxed({ level, ...script('id -u; touch /etc/srcode-probe') });
    expect(Number(result.stdout)).toBeGreaterThan(1_000_000);
    expect(existsSync('/etc/srcode-probe')).toBe(false);
  });
});

describe.runIf(report.filesystemIsolated)('isolation where the machine allows it', () => {
  let secretFile: string;
  beforeAll(async () => {
    secretFile = join(tmpdir(), `srcode-secret-${process.pid}`);
    await writeFile(secretFile, 'swordfish-in-file', { mode: 0o644 });
  });
  afterAll(async () => {
    await import('node:fs/promises').then(({ rm }) => rm(secretFile, { force: true }));
  });

  it('hides home, temporary folder and accounts of the host', async () => {
    const result = await runSandboxed(
      script(`cat ${secretFile}; ls ${homedir()} /home /root /var; cat /etc/passwd`),
    );
    expect(result.stdout).toBe('');
    expect(result.stderr).toContain('No such file');
  });

  it('shows a root that cannot be written', async () => {
    const result = await runSandboxed(script('touch /usr/x /x /dev/x /proc/x; touch /work/own && echo own'));
    expect(result.stdout).toBe('own\n');
  });

  it('keeps a full temporary folder from filling the disk', async () => {
    const result = await runSandboxed({
      ...script(
        'i=0; while [ $i -lt 60 ]; do head -c 1000000 /dev/zero > /tmp/$i || exit 9; i=$((i+1)); done',
      ),
    });
    if (report.level === 'unshare') expect(result.exitCode).toBe(9);
  });

  it('kills what moved to another session', async () => {
    const marker = `50${process.pid}`;
    await runSandboxed(script(`setsid sh -c "trap '' TERM; sleep ${marker}" & sleep 0.2; exit 0`));
    await expectNoProcess(`sleep ${marker}`);
  });

  it('sees no process of the host', async () => {
    const result = await runSandboxed(script('ls /proc | grep -c "^[0-9]"; kill -9 -1; echo alive'));
    expect(Number(result.stdout.split('\n')[0])).toBeLessThan(12);
    expect((await stat('/proc/self')).isDirectory()).toBe(true);
  });

  it.runIf(existsSync('/usr/bin/bash') || existsSync('/bin/bash'))('reaches no server', async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const result = await runSandboxed({
      command: 'bash',
      args: ['-c', `echo hi > /dev/tcp/127.0.0.1/${port} && echo reached`],
      timeoutMs: 5000,
    });
    await new Promise((resolve) => server.close(resolve));
    expect(result.stdout).not.toContain('reached');
    expect(connections).toBe(0);
  });
});

describe('the caller', () => {
  it('cannot place files outside the private folder', async () => {
    for (const name of ['../evil', '/etc/evil', '', 'a/../../evil'])
      await expect(runSandboxed({ ...script('true'), files: { [name]: 'x' } })).rejects.toThrow(InputError);
  });

  it('learns of a command that is not there as a result', async () => {
    const result = await runSandboxed({ command: 'no-such-program', args: [] });
    expect(result.exitCode).toBeGreaterThan(0);
  });

  it('is told which level it has, with reasons for the levels it does not have', () => {
    expect(['bubblewrap', 'unshare', 'limits-only']).toContain(report.level);
    if (report.level !== 'bubblewrap') expect(report.reasons.join()).toContain('bubblewrap');
    if (report.level === 'limits-only') expect(report.networkIsolated).toBe(false);
  });
});
