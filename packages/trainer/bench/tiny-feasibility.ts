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
import { createInstanceReward, createLineReward, createTokenReward, tagReference } from '@srcode/rewards';
import {
  type CreditSettings,
  createFolderCheckpointStore,
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
    varied: { type: 'string', default: '' },
    opening: { type: 'boolean', default: false },
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
    'ppo-temperature': number(1),
    'ppo-strict': { type: 'boolean', default: false },
    'ppo-replay': number(0),
    'ppo-replay-batch': number(16),
    'ppo-alpha': number(1),
    'ppo-beta': number(1),
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
const corpus = buildCorpus({
  seed: 1,
  instancesPerFamily: n('instances'),
  families: [...chosen],
  heldOutFamilies: [],
  ...(text.varied === '' ? {} : { variedSlots: text.varied!.split(',') }),
});
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
/** With `--opening` the prompt gives the signature and brace away, as autocomplete benchmarks do. */
const openingOf = (code: string): string => (raw.opening ? code.slice(0, code.indexOf('{') + 1) : '');
const promptIds = (prompt: string, code: string): Int32Array =>
  Int32Array.from([
    ...tokenizer.encode(formatChat(tokenizer.files.config, [{ role: 'user', content: prompt }])),
    ...tokenizer.encode(openingOf(code)),
  ]);
const example = (prompt: string, code: string, learnPrompt: boolean): SftExample => {
  const head = promptIds(prompt, code);
  const rest = tokenizer.encode(code.slice(openingOf(code).length));
  const tokenIds = Int32Array.from([...head, ...rest, endId]);
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
  work: (checkpoints: string) => Promise<LlamaModel>,
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
  const model = await work(`${folder}.checkpoints`);
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
  checkpoints: string,
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
    run: { stage, checkpoints: { store: createFolderCheckpointStore(checkpoints), everySteps: 100 } },
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
        jobs.slice(at, at + 32).map((job) => promptIds(job.prompt.text, job.instance.secure)),
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
        code: openingOf(instance.secure) + tokenizer.decode(sequences[i]!.tokenIds),
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
  ...[
    'seed',
    'families',
    'instances',
    'vocab',
    'hidden',
    'intermediate',
    'layers',
    'heads',
    'init-std',
    'varied',
    'opening',
  ],
  ...['pre-steps', 'pre-batch', 'pre-lr', 'pre-secure', 'pre-prompt', 'beta2', 'decay'],
];
const base = await cached('pretrain', '', shared, async (checkpoints) => {
  const model = createCausalLm(modelConfig, {
    rng: Rng.fromSeed(seed).fork('init'),
    initStd: n('init-std'),
  });
  await runSft(model, 'pretrain', pretrainExamples, 'pre', checkpoints);
  return model;
});
if (process.env.PERFAM) await perFamilyLoss(base.model);
if (n('sft-steps') === 0) {
  await bench('base', base.model);
  process.exit(0);
}
const sftKeys = ['sft-steps', 'sft-batch', 'sft-lr', 'sft-pairs'];
const sft = await cached('sft', base.key, sftKeys, async (checkpoints) => {
  await bench('base', base.model);
  await runSft(base.model, 'sft', sftExamples, 'sft', checkpoints);
  return base.model;
});
await bench('sft', sft.model);
const folder = `${text.cache}/sft-${sft.key}`;
const pairById = new Map(
  pairs.map((pair) => [pair.id, { id: pair.id, vulnerable: pair.vulnerable, secure: pair.secure }]),
);
/** Secure answers with weight 0 on what the fix changes: they hold function and teach no security. */
const replay = {
  coefficient: n('ppo-replay'),
  batchSize: n('ppo-replay-batch'),
  examples: pairs.flatMap((pair) => {
    const tags = tagReference(pair, 'secure');
    return pair.prompts.map((prompt) => {
      const plain = example(prompt.text, pair.secure, false);
      const opening = openingOf(pair.secure).length;
      const { offsets } = tokenizer.decodeWithOffsets(plain.tokenIds.slice(plain.promptLength));
      const tokenWeights = new Float32Array(plain.tokenIds.length).fill(1);
      offsets.forEach(([start, end], t) => {
        const changed = tags.some((tag) => tag.start < end + opening && start + opening < tag.end);
        if (changed) tokenWeights[plain.promptLength + t] = 0;
      });
      return { ...plain, tokenWeights };
    });
  }),
};
const strategies = { token: createTokenReward, line: createLineReward, instance: createInstanceReward };
for (const arm of text.ppo!.split(',').filter((name) => name !== '')) {
  const strategy = strategies[arm as keyof typeof strategies]({
    secureMass: n('ppo-alpha'),
    vulnerableMass: n('ppo-beta'),
  });
  const reward: RewardFunction = async (rollouts) =>
    rollouts.map((rollout) => {
      const pair = pairById.get(rollout.sourceId)!;
      const opening = openingOf(pair.secure);
      const whole = opening + rollout.completion;
      const tokenOffsets = rollout.tokenOffsets.map(
        ([start, end]) => [start + opening.length, end + opening.length] as const,
      );
      const scored = strategy.score(pair, { text: whole, tokenOffsets });
      if (!raw['ppo-strict']) return scored;
      // A name that the secure side does not have earns nothing: it is a copying error, not a renaming.
      const names = new Set(pair.secure.match(/[A-Za-z_]\w*/g));
      const foreign = scored.spans.filter((span) => {
        const name = whole.slice(span.start, span.end);
        return span.value > 0 && /^[A-Za-z_]\w*$/.test(name) && !names.has(name);
      });
      const values = scored.values.map((value, t) => {
        const [start, end] = tokenOffsets[t]!;
        return value > 0 && foreign.some((span) => span.start < end && start < span.end) ? 0 : value;
      });
      return { values, total: values.reduce((sum, value) => sum + value, 0) };
    });
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
        promptIds: promptIds(prompt.text, pair.secure),
      })),
    ),
    reward,
    steps,
    sampling: {
      promptsPerStep: n('ppo-prompts'),
      samplesPerPrompt: n('ppo-samples'),
      maxNewTokens: n('max-new'),
      temperature: n('ppo-temperature'),
      stopTokenIds: [endId],
    },
    settings,
    ...(n('ppo-replay') > 0 ? { replay } : {}),
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
