// `npm start`: installs, builds, and runs the whole pipeline once on the embedded default.
// Interrupt it at any point and run it again: it goes on where it stopped.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build, install, requireNode, root } from './prepare.mjs';

requireNode();
install();
build();

const args = process.argv.slice(2);
const defaults = ['reproduce', '--preset', 'tiny', '--seeds', '1', '--out', 'runs/start', '--resume'];
const child = spawn(process.execPath, [join(root, 'apps/cli/dist/bin.js'), ...defaults, ...args], {
  cwd: root,
  stdio: 'inherit',
});
// The terminal hands Ctrl-C to the whole group; the child stops cleanly and this process waits for it.
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => signal === 'SIGTERM' && child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 130 : 1)));
