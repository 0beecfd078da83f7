import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { useCpuBackend } from '../testing/use-cpu-backend.js';
import { completionLength, packSequences } from './pack-sequences.js';
import { selectRows } from './select-rows.js';

useCpuBackend();

const ids = (...values: number[]) => Int32Array.from(values);

describe('packSequences', () => {
  it('pads on the right and points each target at the position before it', () => {
    const packed = packSequences(
      [
        { ids: ids(5, 6, 7, 8), promptLength: 2 },
        { ids: ids(9, 4), promptLength: 0 },
      ],
      { padTokenId: 0, multiple: 1 },
    );
    expect([...packed.batch.ids]).toEqual([5, 6, 7, 8, 9, 4, 0, 0]);
    expect([...packed.batch.mask]).toEqual([1, 1, 1, 1, 1, 1, 0, 0]);
    expect([...packed.rows]).toEqual([1, 2, 4]);
    expect([...packed.targets]).toEqual([7, 8, 4]);
    expect(packed.lengths).toEqual([2, 1]);
  });

  it('rounds the length up and keeps token id 0 apart from padding', () => {
    const packed = packSequences([{ ids: ids(0, 0, 0), promptLength: 1 }], { padTokenId: 0, multiple: 8 });
    expect(packed.batch.length).toBe(8);
    expect([...packed.targets]).toEqual([0, 0]);
    expect(packed.batch.mask.reduce((a, b) => a + b, 0)).toBe(3);
  });

  it('counts no completion where there is none, and refuses an impossible prompt length', () => {
    expect(completionLength({ ids: ids(1, 2), promptLength: 2 })).toBe(0);
    expect(completionLength({ ids: ids(1), promptLength: 0 })).toBe(0);
    expect(() => packSequences([{ ids: ids(1), promptLength: 2 }], { padTokenId: 0 })).toThrow(
      /prompt length/,
    );
  });
});

describe('selectRows', () => {
  it('selects hidden states and sends the gradient back to them only', () => {
    const hidden = tf.tensor3d([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]);
    const rows = ids(1, 2);
    expect([...selectRows(hidden, rows).dataSync()]).toEqual([3, 4, 5, 6]);
    const slope = tf.grad((x) => {
      const weigh = tf.customGrad((y, _save) => ({
        value: tf.sum(tf.mul(y as tf.Tensor, tf.tensor2d([1, 2, 3, 4], [2, 2]))),
        gradFunc: () => tf.tensor2d([1, 2, 3, 4], [2, 2]),
      }));
      return weigh(selectRows(x as tf.Tensor3D, rows));
    })(hidden);
    expect(slope.shape).toEqual([2, 2, 2]);
    expect([...slope.dataSync()]).toEqual([0, 0, 1, 2, 3, 4, 0, 0]);
  });

  it('is a reshape when every position is asked for', () => {
    const hidden = tf.tensor3d([1, 2, 3, 4], [1, 2, 2]);
    expect([...selectRows(hidden, ids(0, 1)).dataSync()]).toEqual([1, 2, 3, 4]);
  });
});
