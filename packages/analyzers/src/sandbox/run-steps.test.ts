import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CancelledError } from '@srcode/core';
import { describe, expect, it } from 'vitest';
import { createSandbox, type SandboxWorkDir } from './create-sandbox.js';
import { detectSandbox } from './detect-sandbox.js';
import type { WorkDirStep } from './run-context.js';
import type { SandboxLevel } from './types.js';

const report = await detectSandbox();
const levels: SandboxLevel[] =
  report.level === 'limits-only' ? ['limits-only'] : [report.level, 'limits-only'];

const step = (script: string, extra: Partial<WorkDirStep> = {}): WorkDirStep => ({
  command: 'sh',
  args: ['-c', script],
  ...extra,
});

async function within<T>(level: SandboxLevel, use: (workDir: SandboxWorkDir) => Promise<T>): Promise<T> {
  const workDir = await createSandbox({ level }).openWorkDir({ 'in.txt': "it's here\n" });
  try {
    return await use(workDir);
  } finally {
    await workDir.dispose();
  }
}

describe.each(levels)('a sequence of programs at level %s', (level) => {
  it('gives each its own output, status and environment, in order', async () => {
    const results = await within(level, (workDir) =>
      workDir.runSteps([
        step('cat in.txt > made; echo one; exit 3'),
        step('cat made; echo "$WORD" >&2', { access: 'read-only', env: { WORD: "a 'quoted' $word" } }),
        step('kill -SEGV $$', { access: 'read-only' }),
      ]),
    );
    expect(results.map(({ exitCode, signal, stdout, stderr }) => [exitCode, signal, stdout, stderr])).toEqual(
      [
        [3, null, 'one\n', ''],
        [0, null, "it's here\n", "a 'quoted' $word\n"],
        [null, 'SIGSEGV', '', expect.any(String)],
      ],
    );
  });

  it('ends at a failure that ends it', async () => {
    const results = await within(level, (workDir) =>
      workDir.runSteps([step('exit 1', { stopOnFailure: true }), step('echo never')]),
    );
    expect(results.map(({ exitCode }) => exitCode)).toEqual([1]);
  });

  it('holds each to its own limits', async () => {
    const results = await within(level, (workDir) =>
      workDir.runSteps([
        step('while :; do :; done', { cpuMs: 1000, timeoutMs: 5000 }),
        step('head -c 500000 /dev/zero > f; wc -c < f', { fileSizeBytes: 102_400 }),
        step('yes', { maxOutputBytes: 10_000, fileSizeBytes: 50_000, timeoutMs: 5000 }),
        step('i=0; while [ $i -lt 300 ]; do sleep 9 & i=$((i+1)); done; echo all', { maxProcesses: 12 }),
      ]),
    );
    expect(results[0]!.signal).toMatch(/^SIG(?:XCPU|KILL)$/);
    expect(Number(results[1]!.stdout)).toBeLessThanOrEqual(102_400);
    expect(results[2]!.outputExceeded).toBe(true);
    expect(results[2]!.stdout.length).toBeLessThanOrEqual(10_000);
    expect(results[3]!.stdout).toBe('');
  });

  it('goes on behind a program that sleeps through its time', async () => {
    const results = await within(level, (workDir) =>
      workDir.runSteps(
        [step('echo a', { timeoutMs: 200 }), step('sleep 60', { timeoutMs: 200 }), step('echo b')].map(
          (one) => ({ ...one, timeoutMs: 700 }),
        ),
      ),
    );
    expect(results.map(({ timedOut, stdout }) => [timedOut, stdout])).toEqual([
      [false, 'a\n'],
      [true, ''],
      [false, 'b\n'],
    ]);
  });

  it('stops on abort', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 200);
    await within(level, (workDir) =>
      expect(workDir.runSteps([step('sleep 60'), step('echo b')], controller.signal)).rejects.toThrow(
        CancelledError,
      ),
    );
  });
});

describe.runIf(report.filesystemIsolated)('an isolated sequence', () => {
  it('lets no program touch what a later one runs, nor outlive its turn', async () => {
    const results = await within(report.level, (workDir) =>
      workDir.runSteps([
        step(
          'printf "echo honest\\n" > tool; chmod 755 tool in.txt; ls /shared /work/../out 2>&1 | grep -c status',
        ),
        step(
          'trap "" TERM; (setsid sh -c "while :; do echo rm >> /work/tool; sleep 0.01; done" &) ; echo forged > tool; chmod 777 /work; mount -o remount,rw /work; exit 0',
          {
            access: 'read-only',
          },
        ),
        step('sleep 0.1; sh tool; ls /proc | grep -c "^[0-9]"', { access: 'read-only' }),
      ]),
    );
    expect(results[0]!.stdout).toBe('0\n');
    const [line, processes] = results[2]!.stdout.split('\n');
    expect(line).toBe('honest');
    expect(Number(processes)).toBeLessThan(9);
  });

  it('shows a shared folder that cannot be written', async () => {
    const { mkdtemp, rm, chmod } = await import('node:fs/promises');
    const { tmpdir } = await import('node:os');
    const shared = await mkdtemp(join(tmpdir(), 'srcode-shared-'));
    await chmod(shared, 0o755);
    await writeFile(join(shared, 'a'), 'shared text');
    const sandbox = createSandbox({ level: report.level, sharedDir: shared });
    const workDir = await sandbox.openWorkDir({});
    const script = `cat ${sandbox.sharedPath}/a; touch ${sandbox.sharedPath}/b || echo refused`;
    const results = await workDir.runSteps([step(script)]);
    const single = await workDir.run({ command: 'sh', args: ['-c', script] });
    for (const { stdout } of [...results, single]) expect(stdout).toBe('shared textrefused\n');
    await workDir.dispose();
    await rm(shared, { recursive: true });
  });
});
