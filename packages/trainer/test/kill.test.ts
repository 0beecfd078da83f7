import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

interface Line {
  readonly type: string;
  readonly step?: number;
  readonly bytes?: string;
}

const script = fileURLToPath(new URL('./train-in-process.ts', import.meta.url));

/** Runs the script to its end, or kills it with SIGKILL as soon as it has printed the step. */
async function train(folder: string, killAtStep?: number): Promise<Line[]> {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--conditions=@srcode/source', '--import', 'tsx', script, folder],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lines: Line[] = [];
  for await (const text of createInterface({ input: child.stdout! })) {
    const line = JSON.parse(text) as Line;
    lines.push(line);
    if (killAtStep !== undefined && line.type === 'metrics' && line.step === killAtStep)
      child.kill('SIGKILL');
  }
  return lines;
}

describe('a training process', () => {
  it('killed with SIGKILL goes on from its last checkpoint and ends in the bytes of one that was not', async () => {
    const folders = await Promise.all([1, 2].map(() => mkdtemp(join(tmpdir(), 'srcode-kill-'))));
    try {
      const whole = await train(folders[0]!);
      const killed = await train(folders[1]!, 13);
      expect(killed.some((line) => line.type === 'end')).toBe(false);
      const resumed = await train(folders[1]!);
      expect(resumed[0]!.type).toBe('resumed');
      expect(resumed[0]!.step).toBeGreaterThanOrEqual(9);
      expect(resumed.at(-1)!.bytes).toBe(whole.at(-1)!.bytes);
      expect((await readdir(folders[1]!)).every((name) => name.endsWith('.ckpt'))).toBe(true);
    } finally {
      for (const folder of folders) await rm(folder, { recursive: true, force: true });
    }
  });
});
