// Vul2Safe without a model: recorded teacher answers, served through an OpenAI-compatible server and asked for as from a live one.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drainJob } from '@srcode/core';
import { buildCorpus, toPrimeVulPlusRecord, toVulnerableFunction } from '@srcode/dataset';
import { createReplayServer, createTeacherClient, runReflection } from '@srcode/reflection';

const instances = buildCorpus({ seed: 1, families: ['grid-cell', 'keep-name'], instancesPerFamily: 2 });
const [unknown, ...known] = instances;
assert(unknown);
// The first function has no recording: it is told so, and counted.
const server = await createReplayServer({
  records: known.map((instance) => ({ ...toPrimeVulPlusRecord(instance), votes: [] })),
  label: 'scenario corpus',
});
const folder = await mkdtemp(join(tmpdir(), 'srcode-example-'));
try {
  const outPath = join(folder, 'prime-vul-plus.jsonl');
  const client = createTeacherClient({ baseUrl: server.baseUrl, model: server.model });
  const functions = instances.map(toVulnerableFunction);
  const summary = await drainJob(runReflection({ functions, client, outPath }), (event) => {
    if (event.type === 'function-end') {
      const { id, confidence, prompts, teacher } = event.record;
      console.log(
        `${id}: confidence ${confidence}, ${prompts.length} prompts, replayed: ${teacher?.replayed}`,
      );
      assert.equal(teacher?.replayed, true);
    }
    if (event.type === 'function-failed') console.log(`${event.failure.id}: ${event.failure.code}`);
  });
  console.log(`${summary.finished} answered, ${summary.failed} without a recording`);
  assert.equal(summary.finished, known.length);
  assert.deepEqual(summary.failedByCode, { 'no-record': 1 });

  // The same call again has nothing left to do: finished records are on disk.
  const again = await drainJob(runReflection({ functions, client, outPath }));
  assert.equal(again.finished, 0);
  assert.equal((await readFile(outPath, 'utf8')).trim().split('\n').length, known.length);
} finally {
  await server.close();
  await rm(folder, { recursive: true, force: true });
}
