import { nativeCacheFolder, readInstallStamp, selectBackend } from '@srcode/backend';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { createLlamaConfig } from '../model-config.js';
import { createTokenBatch, findTokenSpans } from '../token-batch.js';
import { attend, createAttentionLayout } from './attend.js';
import {
  type DecoderLayer,
  decoderLayer,
  hasDecoderLayer,
  type Linear,
  listTrained,
} from './decoder-layer.js';
import { rmsNorm } from './rms-norm.js';
import { swiGlu } from './swi-glu.js';

const epsilon = 1e-5;

interface Sizes {
  readonly hidden: number;
  readonly inner: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly lengths: readonly number[];
}

const small: Sizes = { hidden: 24, inner: 33, heads: 4, kvHeads: 2, headDim: 6, lengths: [5, 2] };
const large: Sizes = { hidden: 132, inner: 611, heads: 6, kvHeads: 2, headDim: 22, lengths: [70, 41, 33] };

/** A product [out, in] with a bias or with factors of a rank. */
function createLinear(out: number, size: number, hasBias: boolean, rank: number): Linear {
  const random = (...shape: [number, number]) => tf.randomNormal(shape, 0, size ** -0.5) as tf.Tensor2D;
  return {
    weight: random(out, size),
    bias: hasBias ? (tf.randomNormal([out]) as tf.Tensor1D) : undefined,
    factors:
      rank > 0
        ? {
            a: random(rank, size),
            b: tf.randomNormal([out, rank], 0, 0.2 * rank ** -0.5) as tf.Tensor2D,
            scale: 0.5 + rank / 50,
          }
        : undefined,
  };
}

function createLayer(sizes: Sizes, hasBias: boolean, ranks: readonly number[]): DecoderLayer {
  const { hidden, inner, heads, kvHeads, headDim } = sizes;
  const [wide, narrow] = [heads * headDim, kvHeads * headDim];
  const rank = (i: number) => ranks[i % ranks.length]!;
  return {
    inputNorm: tf.randomNormal([hidden]) as tf.Tensor1D,
    innerNorm: tf.randomNormal([hidden]) as tf.Tensor1D,
    epsilon,
    frozen: ranks.some((rank) => rank > 0),
    q: createLinear(wide, hidden, hasBias, rank(0)),
    k: createLinear(narrow, hidden, hasBias, rank(1)),
    v: createLinear(narrow, hidden, hasBias, rank(2)),
    o: createLinear(hidden, wide, false, rank(3)),
    gate: createLinear(inner, hidden, false, rank(4)),
    up: createLinear(inner, hidden, false, rank(5)),
    down: createLinear(hidden, inner, false, rank(6)),
  };
}

const names = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const;

/** The layer with other tensors in the place of what `listTrained` lists. */
function withTrained(layer: DecoderLayer, trained: readonly tf.Tensor[]): DecoderLayer {
  const rest = trained.values();
  const next = () => rest.next().value as never;
  const norms = layer.frozen ? {} : { inputNorm: next(), innerNorm: next() };
  const products = names.map((name) => {
    const { weight, bias, factors } = layer[name];
    if (layer.frozen)
      return [name, { ...layer[name], factors: factors && { ...factors, a: next(), b: next() } }];
    return [name, { weight: weight && next(), bias: bias && next() }];
  });
  return { ...layer, ...norms, ...Object.fromEntries(products) };
}

/** The layer by ops one by one. */
function compose(x: tf.Tensor2D, layer: DecoderLayer, layout: ReturnType<typeof createAttentionLayout>) {
  const apply = (x: tf.Tensor, { weight, bias, factors }: Linear) => {
    let y = tf.matMul(x, weight, false, true) as tf.Tensor2D;
    if (bias) y = tf.add(y, bias);
    if (!factors) return y;
    const z = tf.mul(tf.matMul(x, factors.a, false, true), factors.scale);
    return tf.add(y, tf.matMul(z, factors.b, false, true)) as tf.Tensor2D;
  };
  const h = rmsNorm(x, layer.inputNorm, epsilon);
  const mixed = attend(apply(h, layer.q), apply(h, layer.k), apply(h, layer.v), layout);
  const inner = tf.add(x, apply(mixed, layer.o)) as tf.Tensor2D;
  const h2 = rmsNorm(inner, layer.innerNorm, epsilon);
  return tf.add(inner, apply(swiGlu(apply(h2, layer.gate), apply(h2, layer.up)), layer.down)) as tf.Tensor2D;
}

describe.runIf(readInstallStamp(nativeCacheFolder()))('a layer as one kernel', () => {
  it.each([
    ['trained whole', small, false, [0]],
    ['trained whole', large, false, [0]],
    ['with biases, trained whole', large, true, [0]],
    ['with factors', small, false, [1]],
    ['with factors', large, false, [16]],
    ['with factors of ranks that fill no vector, more than one share, or none', large, true, [3, 0, 40, 70]],
    ['with factors on some products', small, true, [0, 5]],
  ] as const)(
    'gives the numbers and gradients of the ops one by one: %s',
    async (_, sizes, hasBias, ranks) => {
      await selectBackend({ prefer: 'tensorflow' });
      if (!hasDecoderLayer()) return;
      tf.tidy(() => {
        const config = createLlamaConfig({
          vocabSize: 7,
          hiddenSize: sizes.hidden,
          numHiddenLayers: 1,
          numAttentionHeads: sizes.heads,
          numKeyValueHeads: sizes.kvHeads,
          intermediateSize: sizes.inner,
          maxPositionEmbeddings: 128,
        });
        const batch = createTokenBatch(sizes.lengths.map((n) => new Int32Array(n)));
        const layout = createAttentionLayout(config, batch);
        const rows = batch.batchSize * batch.length;
        const layer = createLayer(sizes, hasBias, ranks);
        const x = tf.randomNormal([rows, sizes.hidden]) as tf.Tensor2D;
        const { starts, ends } = findTokenSpans(batch);
        const isRealAt = (b: number, t: number) => Number(t >= starts[b]! && t < ends[b]!);
        // padding has no defined output: it counts for nothing
        const isReal = tf.tensor2d(
          Float32Array.from({ length: rows }, (_, i) =>
            isRealAt(Math.floor(i / batch.length), i % batch.length),
          ),
          [rows, 1],
        );
        const target = tf.mul(tf.randomNormal([rows, sizes.hidden]), isReal);
        const gradientsOf = (run: typeof compose) =>
          tf.valueAndGrads((x, ...trained) => {
            const y = run(x as tf.Tensor2D, withTrained(layer, trained), layout);
            return tf.sum(tf.mul(y, target)) as tf.Scalar;
          })([x, ...listTrained(layer)]);
        const want = gradientsOf(compose);
        const got = gradientsOf(decoderLayer);
        const distance = (a: tf.Tensor, b: tf.Tensor) =>
          tf.div(tf.max(tf.abs(tf.sub(a, b))), tf.max(tf.abs(b))).dataSync()[0]!;
        expect(distance(got.value, want.value)).toBeLessThan(1e-4);
        expect(got.grads.length).toBe(want.grads.length);
        expect(distance(tf.mul(got.grads[0]!, isReal), tf.mul(want.grads[0]!, isReal))).toBeLessThan(1e-5);
        for (let i = 1; i < want.grads.length; i++) {
          expect(got.grads[i]!.shape).toEqual(want.grads[i]!.shape);
          expect(distance(got.grads[i]!, want.grads[i]!), `gradient ${i}`).toBeLessThan(1e-5);
        }
      });
    },
  );
});
