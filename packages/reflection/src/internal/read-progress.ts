import { stat } from 'node:fs/promises';
import { readJsonl, repairJsonlTail } from '@srcode/core';
import { z } from 'zod';
import { type FailureCode, reflectionFailureSchema } from '../schemas.js';

/** Only the id: a record must be counted as finished whatever version wrote the rest. */
const finishedSchema = z.object({ id: z.string().min(1) });

export interface Progress {
  readonly finished: ReadonlySet<string>;
  /** Last failure of each id that has no record. */
  readonly failed: ReadonlyMap<string, FailureCode>;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** What earlier runs left in the two files; unfinished last lines, as a crash leaves them, are cut off first. */
export async function readProgress(outPath: string, failuresPath: string): Promise<Progress> {
  const finished = new Set<string>();
  const failed = new Map<string, FailureCode>();
  if (await exists(outPath)) {
    await repairJsonlTail(outPath);
    for await (const { id } of readJsonl(outPath, finishedSchema)) finished.add(id);
  }
  if (await exists(failuresPath)) {
    await repairJsonlTail(failuresPath);
    for await (const { id, code } of readJsonl(failuresPath, reflectionFailureSchema)) failed.set(id, code);
  }
  for (const id of finished) failed.delete(id);
  return { finished, failed };
}
