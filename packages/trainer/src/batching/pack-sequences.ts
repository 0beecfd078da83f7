import { InputError } from '@srcode/core';
import type { TokenBatch } from '@srcode/model';

/** One row of a batch: prompt and completion as one run of ids. */
export interface TrainingSequence {
  readonly ids: Int32Array;
  /** Ids before this index are given, not learnt. */
  readonly promptLength: number;
}

export interface PackedBatch {
  readonly batch: TokenBatch;
  /** [N] int32: the flat position b·T + t − 1 whose hidden state predicts each learnt token, row by row. */
  readonly rows: Int32Array;
  /** [N] int32: the learnt token ids. */
  readonly targets: Int32Array;
  /** [B]: how many of the N belong to each row. */
  readonly lengths: readonly number[];
}

/** Number of learnt tokens: the completion, without a first token that nothing precedes. */
export function completionLength(sequence: TrainingSequence): number {
  return Math.max(0, sequence.ids.length - Math.max(1, sequence.promptLength));
}

/** Rows right-padded to the longest, rounded up to a multiple of `multiple` so that few shapes occur. */
export function packSequences(
  sequences: readonly TrainingSequence[],
  options: { readonly padTokenId: number; readonly multiple?: number },
): PackedBatch {
  const multiple = options.multiple ?? 8;
  const longest = sequences.reduce((max, sequence) => Math.max(max, sequence.ids.length), 1);
  const length = Math.ceil(longest / multiple) * multiple;
  const batchSize = sequences.length;
  const ids = new Int32Array(batchSize * length).fill(options.padTokenId);
  const mask = new Int32Array(batchSize * length);
  const lengths = sequences.map(completionLength);
  const total = lengths.reduce((sum, n) => sum + n, 0);
  const rows = new Int32Array(total);
  const targets = new Int32Array(total);
  let at = 0;
  sequences.forEach((sequence, b) => {
    if (sequence.promptLength < 0 || sequence.promptLength > sequence.ids.length) {
      throw new InputError({
        code: 'TRAINER_PROMPT_LENGTH',
        message: `Expected a prompt length between 0 and the number of ids (${sequence.ids.length}), got ${sequence.promptLength}.`,
      });
    }
    ids.set(sequence.ids, b * length);
    mask.fill(1, b * length, b * length + sequence.ids.length);
    for (let t = Math.max(1, sequence.promptLength); t < sequence.ids.length; t++, at++) {
      rows[at] = b * length + t - 1;
      targets[at] = sequence.ids[t]!;
    }
  });
  return { batch: { ids, mask, batchSize, length }, rows, targets, lengths };
}
