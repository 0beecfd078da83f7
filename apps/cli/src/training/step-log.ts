import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { JsonlWriter, parseJsonlLine, readLines, repairJsonlTail } from '@srcode/core';
import { z } from 'zod';

const stepLineSchema = z.looseObject({ step: z.number(), stage: z.string().optional() });

/** A JSON Lines log of a training job whose lines carry `step`: metrics, or rollouts. */
export class StepLog {
  readonly #path: string;
  #writer: JsonlWriter | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Drops the lines of steps that will be done again: all from `step` on, or the whole file at 0. */
  async rewindTo(step: number): Promise<void> {
    await this.close();
    if (!existsSync(this.#path)) return;
    if (step === 0) {
      await rm(this.#path, { force: true });
      return;
    }
    await repairJsonlTail(this.#path);
    const kept = `${this.#path}.rewind`;
    const writer = await JsonlWriter.open(kept, { append: false });
    try {
      for await (const line of readLines(this.#path)) {
        const record = parseJsonlLine(line, stepLineSchema, this.#path);
        if (record.step < step) await writer.write(record);
      }
    } finally {
      await writer.close();
    }
    await rename(kept, this.#path);
  }

  async write(record: { readonly step: number }): Promise<void> {
    this.#writer ??= await JsonlWriter.open(this.#path);
    await this.#writer.write(record);
  }

  async close(): Promise<void> {
    await this.#writer?.close();
    this.#writer = undefined;
  }
}
