import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

/** What each example must print; its own assertions decide its exit code. */
const prints: Readonly<Record<string, RegExp>> = {
  'bench-a-function': /^done$/m,
  'custom-reward': /^sum\(token\+0\.5\*analyzer\+no-goto\)$/m,
  'replay-teacher': /^3 answered, 1 without a recording$/m,
  'reward-server': /^stopped$/m,
  'tiny-training': /^backend wasm; loss \d+\.\d+ → \d+\.\d+ nats per token in 12 steps$/m,
  'token-rewards': /^unrelated: total 0\.00$/m,
  'validate-pairs': /^6 of 10 accepted;/m,
};

describe('examples', () => {
  it('are all listed here', () => {
    const folders = readdirSync(join(root, 'examples'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .filter((entry) => !['node_modules', 'test'].includes(entry.name))
      .map((entry) => entry.name);
    expect(folders.sort()).toEqual(Object.keys(prints));
  });

  it.each(Object.entries(prints))('%s runs and prints what it says', async (name, line) => {
    const args = ['--import', 'tsx', '--conditions=@srcode/source', join('examples', name, 'index.ts')];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
    expect(stdout).toMatch(line);
  });
});
