// `npm test`: installs what is missing, then runs every test of the workspace and prints one closing line.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { install, requireNode, root } from './prepare.mjs';

requireNode();
install();

const folder = mkdtempSync(join(tmpdir(), 'srcode-tests-'));
const report = join(folder, 'report.json');
const result = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit' },
);
try {
  const { numPassedTests, numFailedTests, numPendingTests, numTotalTestSuites } = JSON.parse(
    readFileSync(report, 'utf8'),
  );
  if (numTotalTestSuites > 0)
    console.log(`\n${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`);
} catch {
  console.error('The test run ended without a report.');
}
rmSync(folder, { recursive: true, force: true });
process.exit(result.status ?? 1);
