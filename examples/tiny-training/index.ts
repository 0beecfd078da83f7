// Supervised fine-tuning of a toy transformer on one family of the built-in corpus, on WebAssembly: seconds, no GPU.
// It shows the moving parts. A model of this size, trained for so few steps, learns nothing useful.
import assert from 'node:assert/strict';
import { selectBackend } from '@srcode/backend';
import { Rng } from '@srcode/core';
import { buildCorpus } from '@srcode/dataset';
import { createCausalLm, createLlamaConfig, generate, loadTokenizer, trainBpe } from '@srcode/model';
import { sftTokenWeights } from '@srcode/rewards';
import { trainSft } from '@srcode/trainer';

const { name } = await selectBackend({ prefer: 'wasm' });
const instances = buildCorpus({
  seed: 1,
  families: ['grid-cell'],
  heldOutFamilies: [],
  instancesPerFamily: 16,
});
const files = trainBpe(
  instances.flatMap(({ secure, prompts }) => [secure, prompts[0]!.text]),
  { vocabSize: 400, specialTokens: ['<|pad|>', '<|end|>'], eosToken: '<|end|>', padToken: '<|pad|>' },
);
const tokenizer = loadTokenizer(files.tokenizer, files.config);

const examples = instances.map((instance) => {
  const prompt = [...tokenizer.encode(`${instance.prompts[0]!.text}\n`)];
  const answer = [...tokenizer.encode(instance.secure), tokenizer.eosTokenId];
  // Tokens that the repair brought weigh four times the others.
  const weights = sftTokenWeights(
    { ...instance, id: instance.id },
    tokenizer.decodeWithOffsets(answer).offsets,
  );
  return {
    tokenIds: Int32Array.from([...prompt, ...answer]),
    promptLength: prompt.length,
    tokenWeights: Float32Array.from([...prompt.map(() => 0), ...weights]),
  };
});

const longest = Math.max(...examples.map((example) => example.tokenIds.length));
const config = createLlamaConfig({
  vocabSize: tokenizer.vocabSize,
  hiddenSize: 32,
  intermediateSize: 88,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  numKeyValueHeads: 1,
  maxPositionEmbeddings: longest + 32,
  eosTokenIds: [tokenizer.eosTokenId],
});
const rng = Rng.fromSeed(1);
const model = createCausalLm(config, { rng: rng.fork('weights') });
try {
  const losses: number[] = [];
  for await (const event of trainSft({
    model,
    padTokenId: tokenizer.padTokenId,
    examples,
    batchSize: 4,
    steps: 12,
    learningRate: { peak: 1e-2, warmupSteps: 2, decay: 'cosine' },
    rng: rng.fork('sft'),
  })) {
    if (event.type === 'metrics') losses.push(event.metrics.loss!);
  }
  console.log(
    `backend ${name}; loss ${losses[0]!.toFixed(2)} → ${losses.at(-1)!.toFixed(2)} nats per token in ${losses.length} steps`,
  );
  assert(losses.at(-1)! < losses[0]! - 0.5);

  const [sample] = await generate(model, [tokenizer.encode('int ')], {
    maxNewTokens: 12,
    rng: rng.fork('sample'),
  });
  console.log(JSON.stringify(tokenizer.decode(sample!.tokenIds)));
} finally {
  model.dispose();
}
