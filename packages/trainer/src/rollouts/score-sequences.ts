import type { CausalLm } from '@srcode/model';
import * as tf from '@tensorflow/tfjs-core';
import { packSequences, type TrainingSequence } from '../batching/pack-sequences.js';
import { selectRows } from '../batching/select-rows.js';
import type { ValueHead } from '../optimizer/value-head.js';

export interface SequenceScores {
  /** One array per sequence, one entry per completion token; natural log-probabilities at temperature 1. */
  readonly logProbs: readonly Float32Array[];
  /** The value head's outputs at the same tokens; zeros without a head. */
  readonly values: readonly Float32Array[];
}

/** Log-probabilities (and values) of the completion tokens under `model`; no gradient, nothing is changed. */
export async function scoreSequences(
  model: CausalLm,
  sequences: readonly TrainingSequence[],
  options: {
    readonly padTokenId: number;
    readonly microBatchSize: number;
    readonly valueHead?: ValueHead | null;
  },
): Promise<SequenceScores> {
  const { padTokenId, microBatchSize, valueHead } = options;
  const logProbs: Float32Array[] = [];
  const values: Float32Array[] = [];
  for (let start = 0; start < sequences.length; start += microBatchSize) {
    const part = sequences.slice(start, start + microBatchSize);
    const packed = packSequences(part, { padTokenId });
    const [scored, valued] = tf.tidy(() => {
      const hidden = selectRows(model.hiddenStates(packed.batch), packed.rows); // [N, D]
      const targets = tf.tensor1d(packed.targets, 'int32');
      return [
        model.tokenLogProbs(hidden, targets),
        valueHead ? valueHead.predict(hidden) : tf.zeros([packed.targets.length]),
      ] as const;
    });
    const [flat, flatValues] = await Promise.all([scored.data(), valued.data()]);
    scored.dispose();
    valued.dispose();
    let at = 0;
    for (const length of packed.lengths) {
      logProbs.push(Float32Array.from(flat.subarray(at, at + length)));
      values.push(Float32Array.from(flatValues.subarray(at, at + length)));
      at += length;
    }
  }
  return { logProbs, values };
}
