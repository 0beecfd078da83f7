// Checks what users will install: publint and attw on every packed package, and that every @srcode/* in the lock file is a link.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, root } from './prepare.mjs';

build();
const problems = [];
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
for (const [path, entry] of Object.entries(lock.packages)) {
  if (/node_modules\/(@srcode\/[^/]+|srcode)$/.test(path) && entry.link !== true)
    problems.push(`${path} in package-lock.json is not a link to the workspace`);
  if (typeof entry.resolved === 'string' && /^https?:/.test(entry.resolved))
    problems.push(`${path} in package-lock.json records a download address`);
}
const folder = mkdtempSync(join(tmpdir(), 'srcode-pack-'));
for (const group of ['packages', 'apps']) {
  for (const name of readdirSync(join(root, group))) {
    const home = join(root, group, name);
    const tarball = execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], {
      cwd: home,
      encoding: 'utf8',
    })
      .trim()
      .split('\n')
      .at(-1);
    const checks = [['publint', ['run', join(folder, tarball), '--strict']]];
    if (name !== 'cli') checks.push(['attw', [join(folder, tarball), '--profile', 'esm-only']]);
    for (const [tool, args] of checks) {
      const result = spawnSync('npx', ['--no-install', tool, ...args], { cwd: root, encoding: 'utf8' });
      if (result.status === 0) console.log(`ok ${group}/${name} ${tool}`);
      else problems.push(`${tool} on ${group}/${name}:\n${result.stdout}${result.stderr}`);
    }
  }
}
rmSync(folder, { recursive: true, force: true });
for (const problem of problems) console.error(problem);
process.exit(problems.length === 0 ? 0 : 1);
