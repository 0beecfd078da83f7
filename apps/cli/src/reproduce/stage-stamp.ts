import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, hashFile, sha256Hex, writeFileAtomic } from '@srcode/core';
import { z } from 'zod';

const stampSchema = z.object({
  stage: z.string(),
  /** Hash of the stage's options and of the fingerprints it builds on. */
  fingerprint: z.string(),
  /** Output file, relative to the run folder → sha256. */
  outputs: z.record(z.string(), z.string()),
  seconds: z.number(),
  /** What the stage said when it was done. */
  summary: z.string(),
  /** Largest resident set of the stage's own process, bytes; null where it ran within the command's. */
  peakBytes: z.number().nullable(),
});
export type StageStamp = z.infer<typeof stampSchema>;

/** Fingerprint of a stage: equal options on equal inputs have equal text. */
export function fingerprintStage(stage: string, options: unknown, upstream: readonly string[]): string {
  return sha256Hex(canonicalJson({ stage, options, upstream })).slice(0, 32);
}

const stampPath = (runFolder: string, stage: string) => join(runFolder, 'stages', `${stage}.json`);

/** The stamp of a finished stage when its fingerprint matches and its outputs are unchanged on disk; else null. */
export async function readStamp(
  runFolder: string,
  stage: string,
  fingerprint: string,
): Promise<StageStamp | null> {
  let stamp: StageStamp;
  try {
    stamp = stampSchema.parse(JSON.parse(await readFile(stampPath(runFolder, stage), 'utf8')));
  } catch {
    return null;
  }
  if (stamp.fingerprint !== fingerprint) return null;
  for (const [file, hash] of Object.entries(stamp.outputs)) {
    const path = join(runFolder, file);
    if (!existsSync(path) || (await hashFile(path)) !== hash) return null;
  }
  return stamp;
}

/** Records that a stage is done. Written last, so that a crash before it means the stage runs again. */
export async function writeStamp(
  runFolder: string,
  stage: string,
  facts: {
    readonly fingerprint: string;
    readonly outputs: readonly string[];
    readonly seconds: number;
    readonly summary: string;
    readonly peakBytes: number | null;
  },
): Promise<StageStamp> {
  const outputs: Record<string, string> = {};
  for (const file of facts.outputs) outputs[file] = await hashFile(join(runFolder, file));
  const stamp: StageStamp = { ...facts, stage, outputs };
  await writeFileAtomic(stampPath(runFolder, stage), `${JSON.stringify(stamp, null, 2)}\n`);
  return stamp;
}
