import { canonicalJson, InputError, sha256Hex, type WarningEvent } from '@srcode/core';
import type * as tf from '@tensorflow/tfjs-core';
import { type AdamW, assignRecord } from '../optimizer/adamw.js';
import { type Checkpoint, type CheckpointStore, recordsUnder, type TensorRecord } from './checkpoint.js';

export interface CheckpointOptions {
  readonly store: CheckpointStore;
  /** A checkpoint after every so many steps, and one at the end. */
  readonly everySteps: number;
}

/** The parts of a running job that change: named groups of parameters with the optimizer that moves them. */
export type RunGroups = Readonly<
  Record<string, { readonly parameters: ReadonlyMap<string, tf.Variable>; readonly optimizer: AdamW }>
>;

/** SHA-256 over whatever must be equal for a resumed run to be the same run. */
export function fingerprintRun(facts: unknown): string {
  return sha256Hex(canonicalJson(facts));
}

/** A checkpoint of the groups: `<group>/<parameter>` and `<group>.optimizer/<parameter>.first|second`. */
export async function captureRun(
  facts: Pick<Checkpoint, 'stage' | 'step' | 'fingerprint'> & { readonly counters: Record<string, number> },
  groups: RunGroups,
): Promise<Checkpoint> {
  const tensors = new Map<string, TensorRecord>();
  const counters: Record<string, number> = { ...facts.counters };
  for (const [group, { parameters, optimizer }] of Object.entries(groups)) {
    for (const [name, variable] of parameters) {
      const data = (await variable.data()) as Float32Array;
      tensors.set(`${group}/${name}`, { shape: variable.shape, data: data.slice() });
    }
    for (const [name, record] of await optimizer.save()) tensors.set(`${group}.optimizer/${name}`, record);
    counters[`${group}.updates`] = optimizer.step;
  }
  return { ...facts, counters, tensors };
}

/** Puts a checkpoint's tensors and counts back. Throws `InputError` when it is of another run or model. */
export function restoreRun(
  checkpoint: Checkpoint,
  expected: { readonly stage: string; readonly fingerprint: string },
  groups: RunGroups,
): void {
  if (checkpoint.stage !== expected.stage || checkpoint.fingerprint !== expected.fingerprint) {
    throw new InputError({
      code: 'CHECKPOINT_MISMATCH',
      message: `Expected a checkpoint of this ${expected.stage} run (${expected.fingerprint.slice(0, 12)}), found one of a ${checkpoint.stage} run with other options or data (${checkpoint.fingerprint.slice(0, 12)}). Use another folder, or restore the options it was made with.`,
      context: { expected, stage: checkpoint.stage, fingerprint: checkpoint.fingerprint },
    });
  }
  for (const [group, { parameters, optimizer }] of Object.entries(groups)) {
    const records = recordsUnder(checkpoint.tensors, group);
    for (const [name, variable] of parameters) assignRecord(variable, records, name);
    optimizer.restore(
      recordsUnder(checkpoint.tensors, `${group}.optimizer`),
      checkpoint.counters[`${group}.updates`] ?? 0,
    );
  }
}

/** A job went on from a checkpoint: drop what was logged for this stage at `step` and later. */
export interface ResumedEvent {
  readonly type: 'resumed';
  readonly stage: string;
  /** The next step that will be done. */
  readonly step: number;
}

/** Restores the newest intact checkpoint, if there is one; damaged ones become warnings. */
export async function resumeRun(
  checkpoints: CheckpointOptions | undefined,
  expected: { readonly stage: string; readonly fingerprint: string },
  groups: RunGroups,
): Promise<{
  readonly step: number;
  readonly counters: Readonly<Record<string, number>>;
  readonly events: readonly (ResumedEvent | WarningEvent)[];
} | null> {
  if (checkpoints === undefined) return null;
  const { checkpoint, skipped } = await checkpoints.store.loadLatest();
  const events: (ResumedEvent | WarningEvent)[] = skipped.map((error) => ({
    type: 'warning',
    code: error.code,
    message: error.message,
  }));
  if (checkpoint === null) return { step: 0, counters: {}, events };
  restoreRun(checkpoint, expected, groups);
  events.push({ type: 'resumed', stage: expected.stage, step: checkpoint.step });
  return { step: checkpoint.step, counters: checkpoint.counters, events };
}
