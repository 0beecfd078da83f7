/** Runs reflection in a process of its own, so that a test can kill it: run-child.ts BASE_URL OUT COUNT. */
import { drainJob } from '@srcode/core';
import { createTeacherClient, runReflection } from '../../src/index.js';
import { makeFunctions } from './make-function.js';

const [baseUrl, outPath, count] = process.argv.slice(2);
const client = createTeacherClient({ baseUrl: baseUrl!, model: 'm' });
await drainJob(
  runReflection({ functions: makeFunctions(Number(count)), client, outPath: outPath!, concurrency: 2 }),
);
