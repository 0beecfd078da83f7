import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readResults } from '@srcode/benchmarks';
import { CancelledError, hashFile } from '@srcode/core';
import { withTemporaryFolder } from '@srcode/core/testing';
import { describe, expect, it } from 'vitest';
import { armNames } from '../src/reproduce/preset.js';
import { runPaths } from '../src/reproduce/run-folder.js';
import { type ReproductionEvent, runReproduction } from '../src/reproduce/run-reproduction.js';
import { nano } from './nano-preset.js';

async function run(
  runFolder: string,
  onEvent: (event: ReproductionEvent) => void = () => {},
  signal = new AbortController().signal,
) {
  return runReproduction({ preset: nano, seeds: [1], runFolder, signal, onEvent });
}

const modelHashes = (folder: string) =>
  Promise.all(armNames.map((arm) => hashFile(join(folder, runPaths.model(arm, 1), 'model.safetensors'))));

describe('runReproduction', () => {
  it('goes from corpus to report, is interrupted and resumed to the same bytes, and does nothing twice', async () => {
    await withTemporaryFolder(async (folder) => {
      const whole = join(folder, 'whole');
      const result = await run(whole);
      expect(result.summary.map((arm) => arm.arm)).toEqual([...armNames]);

      const results = await readResults(join(whole, runPaths.results));
      expect(results.preset).toBe('nano');
      expect(results.teacher).toMatchObject({ replayed: true });
      expect(results.arms).toHaveLength(armNames.length);
      expect(results.arms[0]).toMatchObject({ arm: 'base', seed: 1, n: 2 });
      expect(results.manifest?.synthetic.join(' ')).toContain('recorded');
      const html = await readFile(result.html, 'utf8');
      expect(html).toContain('<svg');
      expect(html).toMatch(/recorded|replayed/i);

      const cut = join(folder, 'cut');
      const abort = new AbortController();
      const interrupted = run(
        cut,
        (event) => {
          if (event.type === 'progress' && event.stage.startsWith('pretrain') && event.completed >= 3)
            abort.abort();
        },
        abort.signal,
      );
      await expect(interrupted).rejects.toSatisfy((error: unknown) => CancelledError.isInstance(error));
      expect(existsSync(join(cut, 'stages/tokenizer.json'))).toBe(true);
      expect(existsSync(join(cut, 'stages/base-seed1.json'))).toBe(false);
      const skipped: string[] = [];
      await run(cut, (event) => {
        if (event.type === 'stage-end' && event.skipped) skipped.push(event.stage);
      });
      expect(skipped).toContain('tokenizer');
      expect(await modelHashes(cut)).toEqual(await modelHashes(whole));

      const again: boolean[] = [];
      await run(whole, (event) => {
        if (event.type === 'stage-end') again.push(event.skipped);
      });
      expect(again.every(Boolean)).toBe(true);
    });
  }, 240_000);
});
