import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { JsonlWriter, readJsonl } from '@srcode/core';
import { z } from 'zod';

export const verdictSchema = z.object({
  compiled: z.boolean(),
  functional: z.boolean(),
  /** Null when the answer does not compile: nothing ran that could be secure. */
  secure: z.boolean().nullable(),
  /** Why a step failed, in a few words; null when all passed. */
  detail: z.string().nullable(),
});
export type Verdict = z.infer<typeof verdictSchema>;

const lineSchema = z.object({ key: z.string(), verdict: verdictSchema });

/** Verdicts by the sha256 of program, compiler and flags; in memory, and in one JSON Lines file when given a folder. */
export class VerdictCache {
  readonly #verdicts = new Map<string, Verdict>();
  #writer: JsonlWriter | undefined;

  /** Reads what an earlier run left; malformed lines are dropped. */
  static async open(cacheDir: string | undefined): Promise<VerdictCache> {
    const cache = new VerdictCache();
    if (cacheDir === undefined) return cache;
    const path = join(cacheDir, 'oracle-verdicts.jsonl');
    // Opening for append cuts the half line that a crash may have left.
    cache.#writer = await JsonlWriter.open(path);
    if ((await stat(path)).size > 0)
      for await (const line of readJsonl(path, lineSchema, { onError: () => {} }))
        cache.#verdicts.set(line.key, line.verdict);
    return cache;
  }

  get size(): number {
    return this.#verdicts.size;
  }

  get(key: string): Verdict | undefined {
    return this.#verdicts.get(key);
  }

  async set(key: string, verdict: Verdict): Promise<void> {
    if (this.#verdicts.has(key)) return;
    this.#verdicts.set(key, verdict);
    await this.#writer?.write({ key, verdict });
  }

  async close(): Promise<void> {
    await this.#writer?.close();
    this.#writer = undefined;
  }
}
