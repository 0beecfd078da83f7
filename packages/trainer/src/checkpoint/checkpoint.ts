import type { InputError } from '@srcode/core';

/** A tensor outside tfjs: row-major float32. */
export interface TensorRecord {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Everything that a training job needs to go on as if it had never stopped. */
export interface Checkpoint {
  /** `pretrain`, `sft`, `ppo`, … */
  readonly stage: string;
  /** Steps finished; the next one to do is this number. */
  readonly step: number;
  /** Hash of the options and data that shape the run; a checkpoint of another run is refused. */
  readonly fingerprint: string;
  /** Names as `model/<parameter>`, `optimizer/<parameter>.first`, `valueHead/weight`. */
  readonly tensors: ReadonlyMap<string, TensorRecord>;
  /** Counters: update counts, tokens seen. Random streams need no state: they are forked by step. */
  readonly counters: Readonly<Record<string, number>>;
}

/** Where checkpoints are kept. */
export interface CheckpointStore {
  save(checkpoint: Checkpoint): Promise<void>;
  /** The newest intact checkpoint (null when there is none), and the errors of newer ones that were passed over. */
  loadLatest(): Promise<{ readonly checkpoint: Checkpoint | null; readonly skipped: readonly InputError[] }>;
}

/** The records under `prefix/`, without it. */
export function recordsUnder(
  tensors: ReadonlyMap<string, TensorRecord>,
  prefix: string,
): Map<string, TensorRecord> {
  const found = new Map<string, TensorRecord>();
  for (const [name, record] of tensors)
    if (name.startsWith(`${prefix}/`)) found.set(name.slice(prefix.length + 1), record);
  return found;
}
