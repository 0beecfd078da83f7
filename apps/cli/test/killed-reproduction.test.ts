import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { withTemporaryFolder } from '@srcode/core/testing';
import { describe, expect, it } from 'vitest';
import { armNames } from '../src/reproduce/preset.js';
import { runPaths } from '../src/reproduce/run-folder.js';
import type { ReproductionEvent } from '../src/reproduce/run-reproduction.js';

const script = fileURLToPath(new URL('./reproduce-nano.ts', import.meta.url));

/** Runs the reproduction in a process that is killed as by `kill -9` in `stage`. Which stages it did, and how it ended. */
async function runUntil(folder: string, stage: string | null) {
  const child = spawn(
    process.execPath,
    ['--conditions=@srcode/source', '--import', 'tsx', script, folder, stage ?? ''],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let noise = '';
  child.stderr.on('data', (chunk: Buffer) => {
    noise += chunk.toString('utf8');
  });
  const ended = new Promise<NodeJS.Signals | number | null>((resolve) =>
    child.on('close', (code, signal) => resolve(signal ?? code)),
  );
  const done: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as ReproductionEvent;
    if (event.type === 'stage-end' && !event.skipped) done.push(event.stage);
  }
  return { done, end: await ended, noise };
}

/** Everything that the same seed must make again, byte for byte. */
async function readOutputs(folder: string): Promise<string[]> {
  const files = [
    ...[runPaths.tasks, runPaths.primeVulPlus, runPaths.rewardLint],
    ...armNames.flatMap((arm) => [
      `${runPaths.model(arm, 1)}/model.safetensors`,
      runPaths.metrics(arm, 1),
      runPaths.bench(arm, 1),
    ]),
  ];
  // The speed of a step is measured, not made.
  const read = async (file: string) =>
    (await readFile(join(folder, file), 'latin1')).replace(/"(?:tokensPerSecond|time)":[^,}]+/g, '');
  return Promise.all(files.map(async (file) => `${file}: ${await read(file)}`));
}

describe('a reproduction killed with SIGKILL', () => {
  it('goes on in the same folder after a kill in any stage, to the outputs of a run never killed', async () => {
    await withTemporaryFolder(async (folder) => {
      const killed = join(folder, 'killed');
      const stages = ['corpus', 'reflection', 'validation', 'reward-lint', 'tokenizer'];
      const training = ['base-seed1', 'sft-seed1', 'ppo-token-seed1', 'bench-sft-seed1'];
      const seen: string[] = [];
      for (const stage of [...stages, ...training]) {
        const { done, end, noise } = await runUntil(killed, stage);
        expect(end, `${stage}: ${noise}`).toBe('SIGKILL');
        expect(done).not.toContain(stage);
        seen.push(...done);
      }
      const last = await runUntil(killed, null);
      expect(last.end, last.noise).toBe(0);
      seen.push(...last.done);
      // Nothing that was finished is done again.
      expect(new Set(seen).size).toBe(seen.length);
      const whole = await runUntil(join(folder, 'whole'), null);
      expect(whole.end, whole.noise).toBe(0);
      expect(await readOutputs(killed)).toEqual(await readOutputs(join(folder, 'whole')));
    });
  }, 300_000);
});
