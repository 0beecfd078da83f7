import { join } from 'node:path';
import { createManifest, ensureWritableFolder, InputError, type JobEvent, readJsonl } from '@srcode/core';
import { type PrimeVulPlusRecord, saveDataset, type VulnerableFunction } from '@srcode/dataset';
import {
  createReplayServer,
  createTeacherClient,
  type ReflectionSummary,
  readTeacherRecords,
  reflectionRecordSchema,
  runReflection,
} from '@srcode/reflection';
import type { Command } from 'commander';
import type { CliIo } from '../../cli-io.js';
import { humanPair, openRecords } from '../../data/open-records.js';
import { parseDecimal, parseWhole } from '../../parse-number.js';
import { renderCounts } from '../../render/table.js';
import { type CommonOptions, runAction, withCommonOptions } from '../../run-action.js';

interface BuildOptions extends CommonOptions {
  readonly in: string;
  readonly out: string;
  readonly humanFixes?: boolean;
  readonly teacherUrl?: string;
  readonly model?: string;
  readonly apiKeyEnv: string;
  readonly replay?: string;
  readonly concurrency: number;
  readonly maxTokens?: number;
  readonly maxCost?: number;
  readonly priceInput?: number;
  readonly priceOutput?: number;
  readonly limit?: number;
}

export function registerBuild(dataset: Command): void {
  withCommonOptions(dataset.command('build'))
    .description(
      'turn vulnerable functions into pairs with implicit prompts: a teacher diagnoses, repairs, reflects, writes prompts',
    )
    .requiredOption('--in <path>', 'dataset folder or JSON Lines of vulnerable functions')
    .requiredOption('--out <folder>', 'folder to write; a run that stopped goes on there')
    .option('--teacher-url <url>', 'base URL of an OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1')
    .option('--model <name>', 'teacher model')
    .option('--api-key-env <name>', 'environment variable that holds the key', 'OPENAI_API_KEY')
    .option('--replay <file>', 'answer from recorded teacher records instead of a live teacher; labelled so')
    .option('--human-fixes', 'no teacher: pair each function with the fix that people made')
    .option('--concurrency <n>', 'functions at a time', parseWhole(1), 4)
    .option('--max-tokens <n>', 'stop starting functions once this many tokens are used', parseWhole(1))
    .option('--max-cost <n>', 'stop once this much is spent; needs both prices', parseDecimal(0))
    .option('--price-input <n>', 'price per million input tokens', parseDecimal(0))
    .option('--price-output <n>', 'price per million output tokens', parseDecimal(0))
    .option('--limit <n>', 'take the first n functions only', parseWhole(1))
    .addHelpText(
      'after',
      '\nExamples:\n  srcode dataset build --in data/functions --out data/pairs --teacher-url http://127.0.0.1:8000/v1 --model qwen3-coder\n  srcode dataset build --in data/functions --out data/pairs --replay teacher-records.jsonl --json',
    )
    .action(runAction(buildAction));
}

async function* functionsOf(
  path: string,
  limit: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<VulnerableFunction> {
  const source = await openRecords(path);
  if (source.kind !== 'functions') {
    throw new InputError({
      code: 'DATASET_WRONG_KIND',
      message: `${path}: expected vulnerable functions (from \`srcode dataset import\`), found ${source.kind}.`,
      context: { path, kind: source.kind },
    });
  }
  let count = 0;
  for await (const record of source.records(signal)) {
    if (limit !== undefined && count++ >= limit) return;
    yield record as VulnerableFunction;
  }
}

async function buildFromHumanFixes(options: BuildOptions, io: CliIo): Promise<void> {
  let without = 0;
  async function* pairs() {
    for await (const record of functionsOf(options.in, options.limit, io.signal)) {
      if (record.humanFix === null) without++;
      else yield humanPair(record, record.humanFix);
    }
  }
  const manifest = await createManifest({ command: 'dataset build', options: { ...options } });
  const saved = await saveDataset(options.out, 'pairs', pairs(), { manifest, signal: io.signal });
  const summary = {
    out: options.out,
    kind: 'pairs',
    source: 'human-fixes',
    pairs: saved.size,
    withoutHumanFix: without,
  };
  io.out(
    io.json
      ? JSON.stringify(summary, null, 2)
      : `${saved.size} pairs from human fixes (${without} functions without one) → ${options.out}\nnext: srcode dataset validate --in ${options.out}`,
  );
}

function checkTeacherUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return;
  throw new InputError({
    code: 'TEACHER_URL_INVALID',
    message:
      'Expected --teacher-url to be an http(s) address such as http://127.0.0.1:8000/v1, without user name and password; keys come from the environment variable that --api-key-env names.',
  });
}

async function connect(
  options: BuildOptions,
): Promise<{ url: string; model: string; close(): Promise<void>; replay: boolean }> {
  if (options.replay !== undefined) {
    const server = await createReplayServer({
      records: readTeacherRecords(options.replay),
      label: options.replay,
    });
    return { url: server.baseUrl, model: server.model, close: () => server.close(), replay: true };
  }
  if (options.teacherUrl === undefined || options.model === undefined) {
    throw new InputError({
      code: 'USAGE',
      message:
        'Expected --teacher-url and --model, or --replay <file>, or --human-fixes. See `srcode dataset build --help`.',
    });
  }
  checkTeacherUrl(options.teacherUrl);
  return { url: options.teacherUrl, model: options.model, close: async () => {}, replay: false };
}

async function buildAction(options: BuildOptions, io: CliIo): Promise<void> {
  await ensureWritableFolder(options.out);
  if (options.humanFixes) return buildFromHumanFixes(options, io);
  const teacher = await connect(options);
  const apiKey = teacher.replay ? undefined : process.env[options.apiKeyEnv];
  const price =
    options.priceInput !== undefined && options.priceOutput !== undefined
      ? { inputPerMillion: options.priceInput, outputPerMillion: options.priceOutput }
      : undefined;
  const client = createTeacherClient({
    baseUrl: teacher.url,
    model: teacher.model,
    ...(apiKey ? { apiKey } : {}),
    ...(price ? { price } : {}),
  });
  const recordsPath = join(options.out, 'records.jsonl');
  let result: ReflectionSummary;
  try {
    const job = runReflection({
      functions: functionsOf(options.in, options.limit, io.signal),
      client,
      outPath: recordsPath,
      concurrency: options.concurrency,
      budget: {
        ...(options.maxTokens ? { maxTokens: options.maxTokens } : {}),
        ...(options.maxCost !== undefined ? { maxCost: options.maxCost } : {}),
      },
      signal: io.signal,
    });
    for (;;) {
      const step = await job.next();
      if (step.done) {
        result = step.value;
        break;
      }
      if (step.value.type === 'progress' || step.value.type === 'warning')
        io.progress(step.value as JobEvent);
    }
  } finally {
    await teacher.close();
  }
  io.endProgress();
  const manifest = await createManifest({
    command: 'dataset build',
    options: { ...options },
    ...(teacher.replay ? { synthetic: ['teacher answers are recorded ones, replayed'] } : {}),
    extra: { reflection: result },
  });
  async function* records(): AsyncGenerator<PrimeVulPlusRecord> {
    for await (const { votes: _votes, ...record } of readJsonl(recordsPath, reflectionRecordSchema))
      yield record;
  }
  const saved = await saveDataset(options.out, 'prime-vul-plus', records(), { manifest, signal: io.signal });
  const summary = {
    out: options.out,
    kind: 'prime-vul-plus',
    replayed: teacher.replay,
    records: saved.size,
    ...result,
  };
  if (io.json) return io.out(JSON.stringify(summary, null, 2));
  if (teacher.replay) io.out('teacher: RECORDED answers, replayed (no model ran)');
  io.out(
    `${saved.size} records in all; this run: ${result.finished} finished, ${result.failed} failed, ${result.skipped.finished} done before → ${options.out}`,
  );
  io.out(renderCounts('failures', result.failedByCode as Record<string, number>));
  io.out(renderCounts('reflection rounds', result.rounds));
  io.out(
    `usage: ${result.usage.requests} requests, ${result.usage.inputTokens} + ${result.usage.outputTokens} tokens${result.usage.cost ? `, cost ${result.usage.cost.toFixed(4)}` : ''}`,
  );
  io.out(`next: srcode dataset validate --in ${options.out} --out data/prime-vul-plus`);
}
