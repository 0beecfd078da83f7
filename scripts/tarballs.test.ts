import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const smoke: Record<string, string> = {
  core: `import { Rng } from '@srcode/core'; if (Rng.fromSeed(1).nextInt(10) !== Rng.fromSeed(1).nextInt(10)) throw new Error('rng'); console.log('ok');`,
  dataset: `import { scenarioFamilies } from '@srcode/dataset'; if (scenarioFamilies().length < 40) throw new Error('families'); console.log('ok');`,
  rewards: `import { createTokenReward } from '@srcode/rewards';
    const pair = { id: 'p', vulnerable: 'int f(int i){return t[i];}', secure: 'int f(int i){if(i<0||i>=8)return -1;return t[i];}' };
    const offsets = [...pair.secure].map((_, i) => [i, i + 1]);
    const reward = await createTokenReward().score(pair, { text: pair.secure, tokenOffsets: offsets });
    if (!(reward.total > 0)) throw new Error('reward ' + reward.total); console.log('ok');`,
  validation: `import * as validation from '@srcode/validation'; if (typeof validation.validateRecord !== 'function') throw new Error('api'); console.log('ok');`,
};

/** Sibling packages a package needs, itself included, by its own manifest. */
function closure(name: string, seen = new Set<string>()): Set<string> {
  if (seen.has(name)) return seen;
  seen.add(name);
  const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>;
  };
  for (const dependency of Object.keys(manifest.dependencies ?? {})) {
    if (dependency.startsWith('@srcode/')) closure(dependency.slice('@srcode/'.length), seen);
  }
  return seen;
}

describe('a package installed alone from its tarball, in an empty folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'srcode-tarballs-'));
  beforeAll(() => {
    execFileSync(
      process.execPath,
      [join(root, 'node_modules/turbo/bin/turbo'), 'run', 'build', '--output-logs=errors-only'],
      { cwd: root, stdio: 'pipe' },
    );
    for (const name of new Set(Object.keys(smoke).flatMap((name) => [...closure(name)]))) {
      execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], {
        cwd: join(root, 'packages', name),
        stdio: 'pipe',
      });
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(Object.keys(smoke))('@srcode/%s installs and works', (name) => {
    const home = join(folder, `use-${name}`);
    mkdirSync(home);
    writeFileSync(
      join(home, 'package.json'),
      JSON.stringify({ name: 'user', private: true, type: 'module' }),
    );
    const tarballs = readdirSync(folder).filter((file) =>
      [...closure(name)].some((needed) => new RegExp(`^srcode-${needed}-\\d`).test(file)),
    );
    execFileSync(
      'npm',
      [
        'install',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        '--prefer-offline',
        ...tarballs.map((file) => join(folder, file)),
      ],
      // npm can loop for ever over peer dependencies that disagree (docs/decisions/0003): that is a failure, not a wait.
      { cwd: home, stdio: 'pipe', timeout: 120_000 },
    );
    writeFileSync(join(home, 'use.js'), smoke[name]!);
    expect(execFileSync(process.execPath, ['use.js'], { cwd: home, encoding: 'utf8' }).trim()).toBe('ok');
  });
});
