/**
 * A reproduction as a process of its own: `reproduce-nano.ts FOLDER [STAGE]`. Each event is a line of JSON. It dies of
 * SIGKILL in STAGE, like a machine that loses power: nothing is caught, closed or flushed.
 */
import { appendFileSync } from 'node:fs';
import { runReproduction } from '../src/reproduce/run-reproduction.js';
import { nano } from './nano-preset.js';

const [, , runFolder = '', stage] = process.argv;
let current = '';
const die = () => process.kill(process.pid, 'SIGKILL');

await runReproduction({
  preset: nano,
  seeds: [1],
  runFolder,
  concurrency: 1,
  signal: new AbortController().signal,
  onEvent: (event) => {
    appendFileSync(1, `${JSON.stringify(event)}\n`);
    // Stages of files take milliseconds and are cut as they begin to write; those with steps, after one of them.
    if (event.type === 'stage-start' && event.stage === stage) {
      if (!/seed/.test(stage)) setImmediate(() => setImmediate(die));
    } else if (event.type === 'progress' && stage === current && /seed/.test(stage)) die();
    if (event.type === 'stage-start') current = event.stage;
  },
});
