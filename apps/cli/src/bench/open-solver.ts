import { basename, dirname, resolve } from 'node:path';
import type { BackendName } from '@srcode/backend';
import type { Solver } from '@srcode/benchmarks';
import { InputError } from '@srcode/core';
import { type Command, Option } from 'commander';
import { openModel, withModelOptions } from '../model/open-model.js';
import { parseDecimal, parseWhole } from '../parse-number.js';
import { type CommonOptions, withCommonOptions } from '../run-action.js';
import { openingOf } from '../training/chat-ids.js';
import { createModelSolver } from '../training/model-solver.js';
import { createServerSolver } from './create-server-solver.js';

/** What is measured, and how it is sampled. */
export interface SolverOptions extends CommonOptions {
  readonly model?: string;
  readonly adapter?: string;
  readonly backend?: BackendName;
  readonly url?: string;
  readonly modelName?: string;
  readonly apiKeyEnv: string;
  readonly concurrency: number;
  readonly out: string;
  readonly arm?: string;
  readonly samples: number;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly signature?: boolean;
  readonly limit?: number;
  readonly seed: number;
}

export function withSolverOptions(command: Command): Command {
  return withModelOptions(withCommonOptions(command))
    .requiredOption('--out <folder>', 'folder to write; a run that stopped goes on there')
    .option('--model <path>', 'local model: a folder, or a .gguf file')
    .option('--url <url>', 'instead: base URL of an OpenAI-compatible server')
    .option('--model-name <name>', 'model of that server')
    .option('--api-key-env <name>', 'environment variable that holds the key', 'OPENAI_API_KEY')
    .option('--concurrency <n>', 'requests at a time', parseWhole(1), 4)
    .option('--arm <name>', 'name of what is measured (default: the model’s)')
    .option('--samples <n>', 'answers per task', parseWhole(1), 1)
    .option('--max-tokens <n>', 'longest answer', parseWhole(1), 512)
    .option('--temperature <n>', 'of the answers', parseDecimal(0), 0.8)
    .option('--limit <n>', 'take the first n tasks only', parseWhole(1))
    .option('--seed <n>', 'seed of the answers', parseWhole(), 1)
    .addOption(
      new Option(
        '--signature',
        'begin every answer with the reference’s signature, as in autocomplete (local models)',
      ),
    );
}

export interface OpenedSolver {
  readonly solver: Solver;
  readonly arm: string;
  /** What ran, for the manifest. */
  readonly facts: Readonly<Record<string, string>>;
  close(): void;
}

/** The system under test that the options name. Throws `InputError` unless it is exactly one. */
export async function openSolver(options: SolverOptions): Promise<OpenedSolver> {
  const { url, modelName } = options;
  if (
    (options.model === undefined) === (url === undefined) ||
    (url === undefined) !== (modelName === undefined)
  ) {
    throw new InputError({
      code: 'USAGE',
      message: 'Expected either --model <path>, or --url <url> with --model-name <name>.',
    });
  }
  if (url !== undefined) {
    if (!URL.canParse(url))
      throw new InputError({
        code: 'USAGE',
        message: 'Expected --url to be an address such as http://127.0.0.1:8000/v1.',
      });
    if (options.signature)
      throw new InputError({
        code: 'USAGE',
        message:
          'Expected --signature with a local --model; a chat server cannot be made to go on with a text.',
      });
    const apiKey = process.env[options.apiKeyEnv];
    const { maxTokens, temperature, seed, concurrency } = options;
    const shared = { maxTokens, temperature, seed, concurrency };
    return {
      solver: createServerSolver({ url, model: modelName!, ...shared, ...(apiKey ? { apiKey } : {}) }),
      arm: options.arm ?? modelName!,
      facts: { server: new URL(url).origin, model: modelName! },
      close: () => {},
    };
  }
  const path = options.model!;
  const { model, tokenizer, backend } = await openModel({ ...options, model: path });
  return {
    solver: createModelSolver(model, tokenizer, {
      maxNewTokens: options.maxTokens,
      temperature: options.temperature,
      ...(options.signature ? { openingOf: (task) => openingOf(task.referenceSecure ?? '') } : {}),
    }),
    arm: options.arm ?? armOf(options.adapter ?? path),
    facts: { model: path, backend: backend.name },
    close: () => model.dispose(),
  };
}

/** A name for what a path holds: the file's or folder's, or that of the run whose `model` or `adapter` it is. */
function armOf(path: string): string {
  const whole = resolve(path);
  const name = basename(whole).replace(/\.gguf$/, '');
  return name === 'model' || name === 'adapter' ? basename(dirname(whole)) || name : name;
}
