import { selectBackend } from '@srcode/backend';
import { InputError } from '@srcode/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { useCpuBackend } from '../testing/use-cpu-backend.js';
import { AdamW } from './adamw.js';
import { computeGradients, GradientAccumulator } from './compute-gradients.js';
import { ValueHead } from './value-head.js';

useCpuBackend();

/** AdamW of one number in float64, from the paper's algorithm. */
function naiveAdamW(
  start: number,
  gradients: readonly number[],
  o: { lr: number; beta1: number; beta2: number; epsilon: number; decay: number },
): number {
  let [x, m, v] = [start, 0, 0];
  gradients.forEach((g, i) => {
    m = o.beta1 * m + (1 - o.beta1) * g;
    v = o.beta2 * v + (1 - o.beta2) * g * g;
    const mHat = m / (1 - o.beta1 ** (i + 1));
    const vHat = v / (1 - o.beta2 ** (i + 1));
    x -= o.lr * (mHat / (Math.sqrt(vHat) + o.epsilon) + o.decay * x);
  });
  return x;
}

const variables = (entries: Record<string, tf.Tensor>) =>
  new Map(Object.entries(entries).map(([name, value]) => [name, tf.variable(value)]));

describe('AdamW', () => {
  it('follows the published algorithm, with decoupled decay on matrices only', async () => {
    const parameters = variables({ matrix: tf.tensor2d([[1, -2]]), bias: tf.tensor1d([0.5]) });
    const options = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, maxGradNorm: Infinity };
    const optimizer = new AdamW(parameters, options);
    const steps = [0.3, -0.2, 0.7, 0.05];
    for (const g of steps)
      optimizer.update(
        new Map<string, tf.Tensor>([
          ['matrix', tf.tensor2d([[g, 2 * g]])],
          ['bias', tf.tensor1d([g])],
        ]),
        0.01,
        1,
      );
    const o = { lr: 0.01, beta1: 0.9, beta2: 0.95, epsilon: 1e-8 };
    const matrix = await parameters.get('matrix')!.data();
    expect(matrix[0]).toBeCloseTo(naiveAdamW(1, steps, { ...o, decay: 0.1 }), 5);
    expect(matrix[1]).toBeCloseTo(
      naiveAdamW(
        -2,
        steps.map((g) => 2 * g),
        { ...o, decay: 0.1 },
      ),
      5,
    );
    const bias = await parameters.get('bias')!.data();
    expect(bias[0]).toBeCloseTo(naiveAdamW(0.5, steps, { ...o, decay: 0 }), 5);
    expect(optimizer.step).toBe(4);
  });

  it('scales gradients down to the maximal global norm, and never up', async () => {
    const parameters = variables({ a: tf.tensor1d([0]), b: tf.tensor1d([0]) });
    const optimizer = new AdamW(parameters, { beta1: 0, beta2: 0, maxGradNorm: 1 });
    const gradients = new Map<string, tf.Tensor>([
      ['a', tf.tensor1d([3])],
      ['b', tf.tensor1d([4])],
    ]);
    optimizer.update(gradients, 0, 5);
    const saved = await optimizer.save();
    expect(saved.get('a.first')!.data[0]).toBeCloseTo(0.6, 6);
    expect(saved.get('b.first')!.data[0]).toBeCloseTo(0.8, 6);
    optimizer.update(new Map([['a', tf.tensor1d([0.5])]]), 0, 0.5);
    expect((await optimizer.save()).get('a.first')!.data[0]).toBe(0.5);
  });

  it('keys moments by name: leaving a parameter out does not shift the others', async () => {
    const parameters = variables({ a: tf.tensor1d([1]), b: tf.tensor1d([1]) });
    const optimizer = new AdamW(parameters, { maxGradNorm: Infinity });
    optimizer.update(new Map([['b', tf.tensor1d([2])]]), 0.1, 2);
    const saved = await optimizer.save();
    expect(saved.get('a.first')!.data[0]).toBe(0);
    expect(saved.get('b.first')!.data[0]).toBeCloseTo(0.2, 6);
    expect((await parameters.get('a')!.data())[0]).toBe(1);
  });

  it('refuses gradients and moments of other parameters', () => {
    const optimizer = new AdamW(variables({ a: tf.tensor1d([1]) }));
    expect(() => optimizer.update(new Map([['x', tf.tensor1d([1])]]), 0.1, 1)).toThrow(InputError);
    expect(() => optimizer.restore(new Map(), 1)).toThrow(/hold "a.first" of shape \[1\], found none/);
    expect(() =>
      optimizer.restore(new Map([['a.first', { shape: [2], data: new Float32Array(2) }]]), 1),
    ).toThrow(/found shape \[2\]/);
  });

  it('on the native backend, in place: the same numbers, and no change to what was saved or restored from', async (context) => {
    const size = 70_000;
    const run = async () => {
      const parameters = variables({ a: tf.fill([size], 1) });
      const optimizer = new AdamW(parameters, { weightDecay: 0.1, decays: () => true });
      const data = Float32Array.from({ length: size }, (_, i) => i / size);
      const moments = { shape: [size], data };
      const records = new Map([
        ['a.first', moments],
        ['a.second', { shape: [size], data: data.slice() }],
      ]);
      optimizer.restore(records, 3);
      const saved = await optimizer.save();
      const gradient = tf.tensor1d(data.map((x) => 2 * x - 1));
      optimizer.update(new Map([['a', gradient]]), 0.05, 1);
      expect(gradient.isDisposed).toBe(true);
      expect(data[size / 2]).toBe(0.5);
      expect(saved.get('a.second')!.data[size / 2]).toBe(0.5);
      const after = await optimizer.save();
      const values = (await parameters.get('a')!.data()).slice();
      optimizer.dispose();
      parameters.get('a')!.dispose();
      return [values, after.get('a.first')!.data, after.get('a.second')!.data];
    };
    const plain = await run();
    const native = await selectBackend({ prefer: 'tensorflow' }).catch(() => undefined);
    if (native?.name !== 'tensorflow') return context.skip();
    try {
      const own = await run();
      own.forEach((values, i) => {
        let off = 0;
        for (let j = 0; j < size; j++) off = Math.max(off, Math.abs(values[j]! - plain[i]![j]!));
        expect(off).toBeLessThan(1e-6);
      });
    } finally {
      await selectBackend({ prefer: 'cpu' });
    }
  });

  it('goes on from saved moments as if it had not stopped, and leaks nothing', async () => {
    const before = tf.memory().numTensors;
    const run = async (stopAt: number | null): Promise<number[]> => {
      const parameters = variables({ a: tf.tensor1d([1, 2]) });
      let optimizer = new AdamW(parameters);
      for (let i = 0; i < 6; i++) {
        if (i === stopAt) {
          const saved = await optimizer.save();
          const next = new AdamW(parameters);
          next.restore(saved, optimizer.step);
          optimizer.dispose();
          optimizer = next;
        }
        const gradient = tf.tensor1d([Math.sin(i), 0.1 * i]);
        optimizer.update(new Map([['a', gradient]]), 0.05, 1);
        gradient.dispose();
      }
      const values = [...(await parameters.get('a')!.data())];
      optimizer.dispose();
      parameters.get('a')!.dispose();
      return values;
    };
    expect(await run(3)).toEqual(await run(null));
    // The tensors that the two initial variables were made from belong to this test.
    expect(tf.memory().numTensors - before).toBe(2);
  });
});

describe('GradientAccumulator', () => {
  it('sums by name, owns its tensors and measures the norm over all of them', async () => {
    const before = tf.memory().numTensors;
    const accumulator = new GradientAccumulator();
    accumulator.add(new Map([['a', tf.tensor1d([1, 0])]]));
    accumulator.add(
      new Map<string, tf.Tensor>([
        ['a', tf.tensor1d([2, 0])],
        ['b', tf.tensor2d([[4]])],
      ]),
    );
    expect(await accumulator.globalNorm('test')).toBeCloseTo(5, 6);
    accumulator.dispose();
    expect(await accumulator.globalNorm('empty')).toBe(0);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('says that training has diverged when a gradient is not finite', async () => {
    const accumulator = new GradientAccumulator();
    accumulator.add(new Map([['a', tf.tensor1d([Number.NaN])]]));
    await expect(accumulator.globalNorm('sft step 3')).rejects.toThrow(/sft step 3.*diverged/);
    accumulator.dispose();
  });
});

describe('computeGradients', () => {
  it('names gradients by parameter, leaves out what the loss does not touch', async () => {
    const parameters = variables({ used: tf.scalar(3), unused: tf.scalar(1) });
    const { value, gradients } = computeGradients(
      () => tf.square(parameters.get('used')! as tf.Tensor) as tf.Scalar,
      parameters,
    );
    expect((await value.data())[0]).toBe(9);
    expect([...gradients.keys()]).toEqual(['used']);
    expect((await gradients.get('used')!.data())[0]).toBe(6);
  });
});

describe('ValueHead', () => {
  it('has the gradient that finite differences show', async () => {
    const head = new ValueHead(2);
    head.parameters.get('weight')!.assign(tf.tensor2d([[0.3], [-0.2]]));
    head.parameters.get('bias')!.assign(tf.tensor1d([0.1]));
    const hidden = tf.tensor2d([
      [1, 2],
      [0.5, -1],
      [-1, 0],
    ]);
    const targets = {
      oldValues: new Float32Array(3),
      returns: Float32Array.from([1, -1, 0.5]),
      weights: Float32Array.from([0.5, 0.3, 0.2]),
    };
    const { gradients } = await head.computeGradients(hidden, targets);
    const slopes = [...(await gradients.get('weight')!.data()), ...(await gradients.get('bias')!.data())];
    const h = 1e-2;
    const lossAt = async (w: number[], b: number) => {
      head.parameters.get('weight')!.assign(tf.tensor2d([[w[0]!], [w[1]!]]));
      head.parameters.get('bias')!.assign(tf.tensor1d([b]));
      return (await head.computeGradients(hidden, targets)).loss;
    };
    const numeric = [
      ((await lossAt([0.3 + h, -0.2], 0.1)) - (await lossAt([0.3 - h, -0.2], 0.1))) / (2 * h),
      ((await lossAt([0.3, -0.2 + h], 0.1)) - (await lossAt([0.3, -0.2 - h], 0.1))) / (2 * h),
      ((await lossAt([0.3, -0.2], 0.1 + h)) - (await lossAt([0.3, -0.2], 0.1 - h))) / (2 * h),
    ];
    slopes.forEach((slope, i) => {
      expect(slope).toBeCloseTo(numeric[i]!, 3);
    });
    head.dispose();
  });

  it('learns a linear function of the hidden states', async () => {
    const head = new ValueHead(2, { maxGradNorm: Infinity });
    const hidden = tf.tensor2d([
      [1, 0],
      [0, 1],
      [1, 1],
      [-1, 2],
    ]);
    const returns = Float32Array.from([1, -0.5, 0.5, -2]);
    const weights = new Float32Array(4).fill(0.25);
    for (let i = 0; i < 200; i++) {
      const { gradients } = await head.computeGradients(hidden, { oldValues: returns, returns, weights });
      head.optimizer.update(gradients, 0.05, 0);
    }
    const values = await head.predict(hidden).data();
    returns.forEach((target, i) => {
      expect(values[i]).toBeCloseTo(target, 1);
    });
    head.dispose();
  });
});
