import { InputError, type Rng } from '@srcode/core';

export interface PlanBatchesOptions {
  readonly batchSize: number;
  /** Randomness of this epoch. */
  readonly rng: Rng;
  /**
   * Batches per bucket: within a stretch of `bucketBatches · batchSize` shuffled examples, batches are cut from
   * the examples sorted by length, so that little is padding. 1 turns bucketing off. Default 16.
   */
  readonly bucketBatches?: number;
}

/** Batches of one epoch as indices into `lengths`; every index occurs once; the last batch may be short. */
export function planBatches(lengths: readonly number[], options: PlanBatchesOptions): readonly number[][] {
  const { batchSize, rng } = options;
  const bucketBatches = options.bucketBatches ?? 16;
  if (!Number.isSafeInteger(batchSize) || batchSize < 1 || bucketBatches < 1) {
    throw new InputError({
      code: 'TRAINER_OPTION_RANGE',
      message: `Expected a batch size and a bucket of at least 1, got ${batchSize} and ${bucketBatches}.`,
    });
  }
  const order = rng.fork('order').shuffle(lengths.map((_, index) => index));
  const batches: number[][] = [];
  const stretch = batchSize * bucketBatches;
  for (let start = 0; start < order.length; start += stretch) {
    const bucket = order.slice(start, start + stretch);
    if (bucketBatches > 1) bucket.sort((a, b) => lengths[a]! - lengths[b]! || a - b);
    for (let at = 0; at < bucket.length; at += batchSize) batches.push(bucket.slice(at, at + batchSize));
  }
  return rng.fork('batches').shuffle(batches);
}

/** The batch of a step (0-based) of an endless run over epochs; pure, so that a resumed run needs no state. */
export function createBatchPlan(
  lengths: readonly number[],
  options: { readonly batchSize: number; readonly rng: Rng; readonly bucketBatches?: number },
): (step: number) => readonly number[] {
  const perEpoch = Math.ceil(lengths.length / options.batchSize);
  let cached = -1;
  let batches: readonly number[][] = [];
  return (step) => {
    const epoch = Math.floor(step / perEpoch);
    if (epoch !== cached) {
      batches = planBatches(lengths, { ...options, rng: options.rng.fork('epoch', epoch) });
      cached = epoch;
    }
    return batches[step % perEpoch]!;
  };
}
