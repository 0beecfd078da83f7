// Run by kill.test.ts in a process of its own: trains a toy model with checkpoints in the folder given, and prints every step.
import { selectBackend } from '@srcode/backend';
import { Rng } from '@srcode/core';
import { createFolderCheckpointStore, trainSft } from '../src/index.js';
import { createToyModel, readParameterBytes } from '../src/testing/index.js';

const folder = process.argv[2]!;
await selectBackend({ prefer: 'cpu' });
const model = createToyModel(1);
const job = trainSft({
  model,
  padTokenId: 0,
  examples: Array.from({ length: 12 }, (_, i) => ({
    tokenIds: Int32Array.of(2 + (i % 5), 3 + (i % 4), 4, 1),
    promptLength: 1,
  })),
  batchSize: 4,
  steps: 40,
  learningRate: { peak: 1e-2 },
  rng: Rng.fromSeed(1),
  run: { checkpoints: { store: createFolderCheckpointStore(folder), everySteps: 3 } },
});
for (let next = await job.next(); !next.done; next = await job.next())
  process.stdout.write(
    `${JSON.stringify({ type: next.value.type, step: (next.value as { step?: number }).step })}\n`,
  );
process.stdout.write(`${JSON.stringify({ type: 'end', bytes: await readParameterBytes(model) })}\n`);
