import { InputError } from '@srcode/core';
import type { TokenBatch } from './types.js';

export interface CreateTokenBatchOptions {
  /** Which side padding goes to. Default `right`. */
  readonly padSide?: 'left' | 'right';
  /** Default 0; padding never reaches the result. */
  readonly padTokenId?: number;
  /** Pad to this length instead of the longest sequence's. */
  readonly length?: number;
}

/** A batch of the given sequences padded to one length. Throws `InputError` when one is longer than `length`. */
export function createTokenBatch(
  sequences: readonly ArrayLike<number>[],
  options: CreateTokenBatchOptions = {},
): TokenBatch {
  const longest = sequences.reduce((most, sequence) => Math.max(most, sequence.length), 0);
  const length = options.length ?? Math.max(1, longest);
  if (longest > length) {
    throw new InputError({
      code: 'BATCH_TOO_SHORT',
      message: `Expected sequences of at most ${length} tokens, got one of ${longest}. Truncate it or raise length.`,
      context: { length, longest },
    });
  }
  const batchSize = sequences.length;
  const ids = new Int32Array(batchSize * length).fill(options.padTokenId ?? 0);
  const mask = new Int32Array(batchSize * length);
  sequences.forEach((sequence, row) => {
    const offset = row * length + (options.padSide === 'left' ? length - sequence.length : 0);
    for (let i = 0; i < sequence.length; i++) ids[offset + i] = sequence[i]!;
    mask.fill(1, offset, offset + sequence.length);
  });
  return { ids, mask, batchSize, length };
}

/** The spans [starts[b], ends[b]) of real tokens. Throws `InputError` when a row's mask is not one block of ones. */
export function findTokenSpans(batch: TokenBatch): {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
} {
  const { batchSize, length, ids, mask } = batch;
  if (ids.length !== batchSize * length || mask.length !== ids.length) {
    throw new InputError({
      code: 'BATCH_SHAPE',
      message: `Expected ids and mask of ${batchSize} × ${length} = ${batchSize * length} numbers, got ${ids.length} and ${mask.length}.`,
    });
  }
  const starts = new Int32Array(batchSize);
  const ends = new Int32Array(batchSize);
  for (let row = 0; row < batchSize; row++) {
    const line = mask.subarray(row * length, (row + 1) * length);
    const start = line.indexOf(1);
    const end = line.lastIndexOf(1) + 1;
    if (start !== -1) {
      for (let t = start; t < end; t++) {
        if (line[t] === 1) continue;
        throw new InputError({
          code: 'BATCH_MASK',
          message: `Row ${row}: expected the mask to be one block of ones (padding on the left, right or both), got ${line[t]} at ${t} inside [${start}, ${end}).`,
          context: { row, position: t },
        });
      }
    }
    starts[row] = Math.max(0, start);
    ends[row] = end;
  }
  return { starts, ends };
}
