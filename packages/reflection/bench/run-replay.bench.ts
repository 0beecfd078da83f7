/**
 * Runs the teacher stages over recorded answers through the replay server and prints counts and times.
 *
 *   npx tsx --conditions=@srcode/source bench/run-replay.bench.ts RECORDS.jsonl [FUNCTIONS_PAIRED.jsonl] [concurrency]
 *
 * RECORDS: recorded teacher answers (any layout of `readTeacherRecords`), which the server answers from.
 * FUNCTIONS_PAIRED: PrimeVul's paired layout; its functions have no recording, unless they are among RECORDS.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drainJob } from '@srcode/core';
import { importPrimeVul, type VulnerableFunction } from '@srcode/dataset';
import {
  createReplayServer,
  createTeacherClient,
  type ReflectionRecord,
  readTeacherRecords,
  runReflection,
} from '../src/index.js';

function toFunction(record: ReflectionRecord): VulnerableFunction {
  const { id, project, commit, cve, cwe, language, vulnerable, humanFix, group, split } = record;
  return {
    ...{ id, project, commit, cve, cwe, language, vulnerable, humanFix, group, split },
    ...{ functionName: null, description: null, commitMessage: null, file: null },
    ...{ source: 'replay bench', license: null, upstreamHash: null },
  };
}

async function main(): Promise<void> {
  const [recordsPath, pairedPath, concurrencyText] = process.argv.slice(2);
  if (recordsPath === undefined)
    throw new Error('usage: run-replay.bench.ts RECORDS.jsonl [PAIRED.jsonl] [concurrency]');
  const records: ReflectionRecord[] = [];
  for await (const record of readTeacherRecords(recordsPath)) records.push(record);
  const functions = records.map(toFunction);
  if (pairedPath !== undefined && pairedPath !== '-')
    for await (const func of importPrimeVul(pairedPath)) functions.push({ ...func, id: `paired-${func.id}` });
  const server = await createReplayServer({ records, label: 'replay bench' });
  const folder = await mkdtemp(join(tmpdir(), 'srcode-replay-'));
  try {
    const client = createTeacherClient({ baseUrl: server.baseUrl, model: server.model });
    const started = performance.now();
    const summary = await drainJob(
      runReflection({
        functions,
        client,
        outPath: join(folder, 'records.jsonl'),
        concurrency: Number(concurrencyText ?? 4),
      }),
    );
    const seconds = (performance.now() - started) / 1000;
    const cpuSeconds = process.cpuUsage().user / 1e6;
    console.log(
      JSON.stringify(
        { functions: functions.length, seconds, cpuSeconds, server: server.counts(), ...summary },
        null,
        2,
      ),
    );
  } finally {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
