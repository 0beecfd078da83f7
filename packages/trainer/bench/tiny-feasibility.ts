// Does a tiny model learn enough C, in the compute that the tiny preset has, for the arms to be told apart?
//
// Trains a tiny Llama from scratch on the built-in corpus (pretraining on mostly vulnerable code, SFT on secure
// answers, PPO with token, line or instance rewards), samples on held-out instances, and asks the compiled oracle.
// Prints CPU seconds, so that a busy machine does not change the figures. Models are cached by their options.
//
//   npx tsx --conditions=@srcode/source bench/tiny-feasibility.ts --help
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createCompiledOracle } from '@srcode/analyzers';
import { selectBackend } from '@srcode/backend';
import { drainJob, Rng } from '@srcode/core';
import { buildCorpus, type ScenarioInstance, scenarioFamilies } from '@srcode/dataset';
import {
  ByteLevelTokenizer,
  createCausalLm,
  createLlamaConfig,
  formatChat,
  type GeneratedSequence,
  generate,
  type LlamaModel,
  loadModel,
  saveModel,
  tinyChatTemplate,
  tinySpecialTokens,
  trainBpe,
} from '@srcode/model';
import { createInstanceReward, createLineReward, createTokenReward } from '@srcode/rewards';
import {
  type CreditSettings,
  evaluateLoss,
  localCredit,
  type PpoSettings,
  type RewardFunction,
  type SftExample,
  standardCredit,
  trainPpo,
  trainSft,
} from '../src/index.js';

const number = (fallback: number) => ({ type: 'string' as const, default: String(fallback) });
const { values: raw } = parseArgs({
  options: {
    cache: { type: 'string', default: '/tmp/srcode-feasibility' },
    seed: number(1),
    families: number(0),
    instances: number(80),
    vocab: number(1024),
    hidden: number(128),
    intermediate: number(352),
    layers: number(3),
    heads: number(4),
    'init-std': number(0.08),
    'pre-steps': number(400),
    'pre-batch': number(8),
    'pre-lr': number(3e-3),
    'pre-secure': number(0.2),
    'pre-prompt': { type: 'boolean', default: false },
    beta2: number(0.95),
    decay: number(0),
    'sft-steps': number(0),
    'sft-batch': number(8),
    'sft-lr': number(1e-3),
    'sft-pairs': number(6),
    ppo: { type: 'string', default: '' },
    'ppo-steps': number(15),
    'ppo-prompts': number(16),
    'ppo-samples': number(2),
    'ppo-lr': number(5e-4),
    'ppo-kl': number(0.02),
    'ppo-epochs': number(1),
    'ppo-minibatch': number(0),
    'ppo-lambda': { type: 'string', default: '' },
    'ppo-critic': { type: 'string', default: '' },
    'ppo-normalise': { type: 'string', default: '' },
    'ppo-outside': { type: 'boolean', default: false },
    'ppo-anchor': number(0),
    'ppo-stop': number(0),
    'max-new': number(128),
    temperature: number(0.7),
    tasks: number(2),
    samples: number(2),
    show: number(0),
  },
});
const text = raw as unknown as Record<string, string>;
const n = (name: string): number => Number(text[name]);

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const backend = await selectBackend();
const families = scenarioFamilies().map((family) => family.id);
const wanted = n('families') === 0 ? families.length : n('families');
// Evenly over the list, which is ordered by topic.
const chosen = new Set(
  Array.from({ length: wanted }, (_, i) => families[Math.floor((i * families.length) / wanted)]!),
);
const corpus = buildCorpus({ seed: 1, instancesPerFamily: n('instances'), heldOutFamilies: [] }).filter(
  (instance) => chosen.has(instance.familyId),
);
const train = corpus.filter((instance) => instance.split === 'train');
const heldOut = corpus.filter((instance) => instance.split === 'heldout-instance');

const corpusTexts = train.flatMap((instance) => [
  ...instance.prompts.map((prompt) => prompt.text),
  instance.vulnerable,
  instance.secure,
]);
const tokenizer = new ByteLevelTokenizer(
  trainBpe(corpusTexts, {
    vocabSize: n('vocab'),
    specialTokens: tinySpecialTokens,
    eosToken: '<|end|>',
    padToken: '<|pad|>',
    chatTemplate: tinyChatTemplate,
  }),
);
const endId = tokenizer.eosTokenId;
const padTokenId = tokenizer.padTokenId;
const promptIds = (prompt: string): Int32Array =>
  tokenizer.encode(formatChat(tokenizer.files.config, [{ role: 'user', content: prompt }]));
const example = (prompt: string, code: string, learnPrompt: boolean): SftExample => {
  const head = promptIds(prompt);
  const tokenIds = Int32Array.from([...head, ...tokenizer.encode(code), endId]);
  return { tokenIds, promptLength: learnPrompt ? 0 : head.length };
};

const lengths = (list: readonly SftExample[]): string => {
  const sorted = list.map((e) => e.tokenIds.length).sort((a, b) => a - b);
  const prompt = list.reduce((sum, e) => sum + e.promptLength, 0) / list.length;
  return `tokens median ${sorted[sorted.length >> 1]}, max ${sorted.at(-1)}, prompt mean ${prompt.toFixed(0)}`;
};

// Pretraining: every training instance once, one prompt, mostly vulnerable. SFT: secure answers of a few.
const drawing = Rng.fromSeed(1).fork('pretrain');
const pretrainExamples = train.map((instance) => {
  const rng = drawing.fork(instance.id);
  const secure = rng.nextFloat() < n('pre-secure');
  const prompt = rng.pick(instance.prompts).text;
  return example(prompt, secure ? instance.secure : instance.vulnerable, raw['pre-prompt'] === true);
});
const perFamily = new Map<string, ScenarioInstance[]>();
for (const instance of train)
  perFamily.set(instance.familyId, [...(perFamily.get(instance.familyId) ?? []), instance]);
const pairs = [...perFamily.values()].flatMap((list) => list.slice(0, n('sft-pairs')));
const sftExamples = pairs.flatMap((pair) =>
  pair.prompts.map((prompt) => example(prompt.text, pair.secure, false)),
);
say(
  `${backend.name}; ${chosen.size} families, ${train.length} training and ${heldOut.length} held-out instances; vocabulary ${tokenizer.vocabSize}; ${lengths(sftExamples)}`,
);

const modelConfig = createLlamaConfig({
  vocabSize: tokenizer.vocabSize,
  hiddenSize: n('hidden'),
  intermediateSize: n('intermediate'),
  numHiddenLayers: n('layers'),
  numAttentionHeads: n('heads'),
  maxPositionEmbeddings: 512,
  eosTokenIds: [endId],
  padTokenId,
});
const optimizer = { beta2: n('beta2'), weightDecay: n('decay') };
const seed = n('seed');

/** The model of these options from the cache, or trained and put there. */
async function cached(
  stage: string,
  from: string,
  keys: readonly string[],
  work: () => Promise<LlamaModel>,
): Promise<{ model: LlamaModel; key: string }> {
  const facts = keys.map((key) => `${key}=${String(raw[key as keyof typeof raw])}`);
  const key = createHash('sha256')
    .update(JSON.stringify([stage, from, backend.name, families, facts]))
    .digest('hex')
    .slice(0, 12);
  const folder = `${text.cache}/${stage}-${key}`;
  if (existsSync(`${folder}/config.json`)) {
    say(`${stage}: cached in ${folder}`);
    return { model: (await loadModel(folder)).model as LlamaModel, key };
  }
  const started = cpuSeconds();
  const model = await work();
  say(`${stage}: ${(cpuSeconds() - started).toFixed(0)} CPU s`);
  await saveModel(folder, { model, tokenizer });
  return { model, key };
}

const heldOutLoss = (model: LlamaModel, side: 'vulnerable' | 'secure'): Promise<number> =>
  evaluateLoss({
    model,
    padTokenId,
    microBatchSize: 16,
    examples: heldOut
      .slice(0, 64)
      .map((instance) => example(instance.prompts[1]!.text, instance[side], false)),
  });

async function perFamilyLoss(model: LlamaModel): Promise<void> {
  for (const id of chosen) {
    const own = heldOut.filter((i) => i.familyId === id).slice(0, 12);
    const own2 = train.filter((i) => i.familyId === id).slice(0, 12);
    const run = (list: typeof own) =>
      evaluateLoss({
        model,
        padTokenId,
        microBatchSize: 12,
        examples: list.map((i) => example(i.prompts[1]!.text, i.vulnerable, false)),
      });
    say(`${id} ${(await run(own)).toFixed(3)} train ${(await run(own2)).toFixed(3)}`);
  }
}

async function runSft(
  model: LlamaModel,
  stage: string,
  examples: readonly SftExample[],
  prefix: string,
): Promise<void> {
  const steps = n(`${prefix}-steps`);
  const recent: number[] = [];
  const job = trainSft({
    model,
    padTokenId,
    examples,
    batchSize: n(`${prefix}-batch`),
    steps,
    learningRate: {
      peak: n(`${prefix}-lr`),
      warmupSteps: Math.ceil(steps / 15),
      decay: 'cosine',
      finalFraction: 0.05,
    },
    optimizer,
    rng: Rng.fromSeed(seed).fork(stage),
    run: { stage },
  });
  let padded = 0;
  await drainJob(job, (event) => {
    if (event.type !== 'metrics') return;
    recent.push(event.metrics.loss!);
    padded = event.metrics.tokens!;
    if ((event.step + 1) % 50 === 0 || event.step === steps - 1) {
      const mean = recent.slice(-50).reduce((a, b) => a + b, 0) / Math.min(50, recent.length);
      say(
        `  ${stage} step ${event.step + 1} loss ${mean.toFixed(3)}, ${padded} learnt tokens, ${cpuSeconds().toFixed(0)} CPU s since start`,
      );
    }
  });
  const [vulnerable, secure] = [await heldOutLoss(model, 'vulnerable'), await heldOutLoss(model, 'secure')];
  say(`  ${stage} held-out nats/token: vulnerable ${vulnerable.toFixed(3)}, secure ${secure.toFixed(3)}`);
}

const oracle = await createCompiledOracle({ cacheDir: `${text.cache}/verdicts` });
const tasks = new Map<string, ScenarioInstance[]>();
for (const instance of heldOut) {
  const list = tasks.get(instance.familyId) ?? [];
  if (list.length < n('tasks')) tasks.set(instance.familyId, [...list, instance]);
}
const benchTasks = [...tasks.values()].flat();

async function bench(name: string, model: LlamaModel): Promise<void> {
  const started = cpuSeconds();
  const jobs = benchTasks.flatMap((instance, index) =>
    Array.from({ length: n('samples') }, () => ({
      instance,
      prompt: instance.prompts[index % instance.prompts.length]!,
    })),
  );
  const sequences: GeneratedSequence[] = [];
  for (let at = 0; at < jobs.length; at += 32)
    sequences.push(
      ...(await generate(
        model,
        jobs.slice(at, at + 32).map((job) => promptIds(job.prompt.text)),
        {
          maxNewTokens: n('max-new'),
          temperature: n('temperature'),
          stopTokenIds: [endId],
          rng: Rng.fromSeed(7).fork('bench', at),
        },
      )),
    );
  const sampled = cpuSeconds() - started;
  const verdicts = await Promise.all(
    jobs.map(({ instance }, i) =>
      oracle.evaluate({
        preamble: instance.preamble,
        code: tokenizer.decode(sequences[i]!.tokenIds),
        driver: instance.driver,
        language: 'c',
      }),
    ),
  );
  const share = (test: (i: number) => boolean): string =>
    ((100 * jobs.filter((_, i) => test(i)).length) / jobs.length).toFixed(1);
  const compiled = share((i) => verdicts[i]!.compiled);
  const functional = share((i) => verdicts[i]!.functional === true);
  const both = share((i) => verdicts[i]!.functional === true && verdicts[i]!.secure === true);
  const stopped = share((i) => sequences[i]!.finishReason === 'stop');
  say(
    `${name}: n ${jobs.length}, compiled ${compiled} %, functional ${functional} %, secure-and-functional ${both} %, stopped ${stopped} %; sampling ${sampled.toFixed(0)} CPU s`,
  );
  for (let i = 0; i < n('show'); i++) {
    const k = Math.floor((i * jobs.length) / n('show'));
    say(
      `--- ${jobs[k]!.prompt.text}\n${tokenizer.decode(sequences[k]!.tokenIds)}   [${verdicts[k]!.detail}]`,
    );
  }
}

const shared = [
  ...['seed', 'families', 'instances', 'vocab', 'hidden', 'intermediate', 'layers', 'heads', 'init-std'],
  ...['pre-steps', 'pre-batch', 'pre-lr', 'pre-secure', 'pre-prompt', 'beta2', 'decay'],
];
const base = await cached('pretrain', '', shared, async () => {
  const model = createCausalLm(modelConfig, {
    rng: Rng.fromSeed(seed).fork('init'),
    initStd: n('init-std'),
  });
  await runSft(model, 'pretrain', pretrainExamples, 'pre');
  return model;
});
if (process.env.PERFAM) await perFamilyLoss(base.model);
if (n('sft-steps') === 0) {
  await bench('base', base.model);
  process.exit(0);
}
const sftKeys = ['sft-steps', 'sft-batch', 'sft-lr', 'sft-pairs'];
const sft = await cached('sft', base.key, sftKeys, async () => {
  await bench('base', base.model);
  await runSft(base.model, 'sft', sftExamples, 'sft');
  return base.model;
});
await bench('sft', sft.model);
const folder = `${text.cache}/sft-${sft.key}`;
const pairById = new Map(
  pairs.map((pair) => [pair.id, { id: pair.id, vulnerable: pair.vulnerable, secure: pair.secure }]),
);
const strategies = { token: createTokenReward, line: createLineReward, instance: createInstanceReward };
for (const arm of text.ppo!.split(',').filter((name) => name !== '')) {
  const strategy = strategies[arm as keyof typeof strategies]();
  const reward: RewardFunction = async (rollouts) =>
    rollouts.map((rollout) =>
      strategy.score(pairById.get(rollout.sourceId)!, {
        text: rollout.completion,
        tokenOffsets: rollout.tokenOffsets,
      }),
    );
  const preset = arm === 'instance' ? standardCredit : localCredit;
  const credit: CreditSettings = {
    ...preset,
    lambda: text['ppo-lambda'] === '' ? preset.lambda : n('ppo-lambda'),
    critic: text['ppo-critic'] === '' ? preset.critic : text['ppo-critic'] === 'true',
    normalise: (text['ppo-normalise'] || preset.normalise) as CreditSettings['normalise'],
    outsideClip: raw['ppo-outside'] === true,
  };
  const steps = n('ppo-steps');
  const settings: PpoSettings = {
    credit,
    learningRate: { peak: n('ppo-lr'), warmupSteps: 2, decay: 'linear', finalFraction: 0.2 },
    optimizer,
    klCoefficient: n('ppo-kl'),
    epochs: n('ppo-epochs'),
    ...(n('ppo-minibatch') > 0 ? { minibatchSize: n('ppo-minibatch') } : {}),
    anchorCoefficient: n('ppo-anchor'),
    missingStopReward: n('ppo-stop'),
  };
  const model = (await loadModel(folder)).model as LlamaModel;
  const started = cpuSeconds();
  const job = trainPpo({
    model,
    reference: sft.model,
    tokenizer,
    generate: (prompts, options) => generate(model, prompts, options),
    prompts: pairs.flatMap((pair) =>
      pair.prompts.map((prompt) => ({
        sourceId: pair.id,
        promptText: prompt.text,
        promptIds: promptIds(prompt.text),
      })),
    ),
    reward,
    steps,
    sampling: {
      promptsPerStep: n('ppo-prompts'),
      samplesPerPrompt: n('ppo-samples'),
      maxNewTokens: n('max-new'),
      stopTokenIds: [endId],
    },
    settings,
    rng: Rng.fromSeed(seed).fork('ppo'),
  });
  await drainJob(job, (event) => {
    if (event.type !== 'metrics') return;
    const m = event.metrics;
    const f = (name: string, digits = 3): string => `${name} ${m[name]!.toFixed(digits)}`;
    say(
      `  ppo-${arm} ${event.step}: ${f('reward')} ${f('rewardSecureShare', 2)} ${f('kl', 4)} ${f('entropy')} ${f('clipFraction')} ${f('gradNorm', 2)} ${f('advantageLocality', 2)} ${f('stopRate', 2)} ${f('responseLength', 0)} ${(cpuSeconds() - started).toFixed(0)} s`,
    );
  });
  say(`ppo-${arm}: ${(cpuSeconds() - started).toFixed(0)} CPU s`);
  await bench(`ppo-${arm}`, model);
  model.dispose();
}
process.exit(0);
