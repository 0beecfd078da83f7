import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BackendName, nativeCacheFolder, readInstallStamp, selectBackend } from '@srcode/backend';
import { parseModelConfig, type TokenBatch } from '@srcode/model';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadWeights } from '../src/load-model.js';

// Made by golden/make-forward-golden.py: models saved by transformers, and its logits.
const golden = fileURLToPath(new URL('./golden/forward', import.meta.url));
const readJson = (...path: string[]): unknown => JSON.parse(readFileSync(join(golden, ...path), 'utf8'));

/** The native backend takes part where it is installed. */
const backends: readonly BackendName[] = [
  'wasm',
  'cpu',
  ...(readInstallStamp(nativeCacheFolder()) ? (['tensorflow'] as const) : []),
];

describe.each(backends)('against transformers, on %s', (backend) => {
  beforeAll(async () => {
    await selectBackend({ prefer: backend });
  });

  it.each(['qwen2', 'llama3-rope', 'linear-rope'])(
    '%s gives the same logits, left padding included',
    async (kind) => {
      const config = parseModelConfig(readJson(kind, 'config.json'));
      const expected = readJson(kind, 'expected.json') as {
        ids: number[][];
        mask: number[][];
        lastLogits: number[];
      };
      const model = await loadWeights(join(golden, kind), config);
      const [rows, length] = [expected.ids.length, expected.ids[0]!.length];
      const batch: TokenBatch = {
        ids: Int32Array.from(expected.ids.flat()),
        mask: Int32Array.from(expected.mask.flat()),
        batchSize: rows,
        length,
      };
      const logits = tf.tidy(() => {
        const last = tf.slice(model.hiddenStates(batch), [0, length - 3, 0], [rows, 3, config.hiddenSize]);
        return model
          .logits(tf.reshape(last, [-1, config.hiddenSize]))
          .dataSync()
          .slice();
      });
      model.dispose();
      expect(logits).toHaveLength(expected.lastLogits.length);
      expected.lastLogits.forEach((want, i) => {
        expect(Math.abs(logits[i]! - want)).toBeLessThan(1e-4);
      });
    },
  );
});
