import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { selectBackend } from '@srcode/backend';
import { makePrimeVulPlusRecord } from '@srcode/dataset/testing';
import { loadAdapter, loadModel, mergeLora, saveModel } from '@srcode/model';
import { createTestModel, createTestTokenizer } from '@srcode/model/testing';
import { beforeAll, expect, it } from 'vitest';
import { createTestFolder, runCli, toJsonl } from './run-cli.js';

const at = createTestFolder();

beforeAll(async () => {
  await selectBackend({ prefer: 'cpu' });
  const tokenizer = createTestTokenizer();
  const model = createTestModel(tokenizer.vocabSize);
  await saveModel(at('base'), { model, tokenizer });
  model.dispose();
  writeFileSync(
    at('plus.jsonl'),
    toJsonl([1, 2].map((index) => makePrimeVulPlusRecord(index, { secure: 'int f(void) { return 1; }\n' }))),
  );
});

const train = (stage: string, ...args: string[]) =>
  runCli([
    ...[
      'train',
      stage,
      '--model',
      at('base'),
      '--data',
      at('plus.jsonl'),
      '--backend',
      'cpu',
      '--steps',
      '1',
    ],
    ...['--lora', '2', '--json', ...args],
  ]);

it('saves adapters of --model as adapters, and those trained on top of --adapter merged into a whole model', async () => {
  const sft = await train('sft', '--out', at('sft'), '--batch-size', '2', '--learning-rate', '0.01');
  expect(sft.stderr).toBe('');
  expect(JSON.parse(sft.stdout)).toMatchObject({ saved: at('sft/adapter') });
  expect(existsSync(at('sft/model'))).toBe(false);

  // A rate of 0 changes nothing: what is saved must be base + adapter.
  const ppo = await train(
    ...(['ppo', '--out', at('ppo'), '--adapter', at('sft/adapter'), '--learning-rate', '0'] as const),
    ...['--prompts-per-step', '1', '--samples-per-prompt', '2', '--max-tokens', '4', '--replay', '0.5'],
    ...['--broken-syntax', '0.5', '--advantage-clip', '2'],
  );
  expect(ppo.stderr).toBe('');
  expect(JSON.parse(ppo.stdout)).toMatchObject({ saved: at('ppo/model') });
  expect(existsSync(at('ppo/adapter'))).toBe(false);
  const [step] = readFileSync(at('ppo/metrics.jsonl'), 'utf8').trim().split('\n');
  expect(JSON.parse(step!)).toMatchObject({ metrics: { replayLoss: expect.any(Number) } });
  const manifest = JSON.parse(readFileSync(at('ppo/manifest.json'), 'utf8')) as { inputs: object };
  expect(Object.keys(manifest.inputs)).toEqual(expect.arrayContaining(['data', 'model', 'adapter']));

  const { model: expected } = await loadModel(at('base'));
  await loadAdapter(expected, at('sft/adapter'));
  mergeLora(expected);
  const { model: saved } = await loadModel(at('ppo/model'));
  const { model: base } = await loadModel(at('base'));
  let moved = 0;
  for (const [name, weight] of expected.parameters()) {
    const [want, got] = [await weight.data(), await saved.parameters().get(name)!.data()];
    const before = await base.parameters().get(name)!.data();
    want.forEach((value, i) => {
      expect(Math.abs(value - got[i]!)).toBeLessThan(1e-6);
      moved = Math.max(moved, Math.abs(value - before[i]!));
    });
  }
  expect(moved).toBeGreaterThan(1e-4);
  for (const model of [expected, saved, base]) model.dispose();
});
