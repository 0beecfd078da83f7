import { performance } from 'node:perf_hooks';
import { text as readAll } from 'node:stream/consumers';
import { InputError, Rng } from '@srcode/core';
import { type GenerateOptions, streamGenerate } from '@srcode/model';
import type { Command } from 'commander';
import type { CliIo } from '../cli-io.js';
import { type ModelOptions, type OpenedModel, openModel, withModelOptions } from '../model/open-model.js';
import { TextStream } from '../model/stream-text.js';
import { parseDecimal, parseWhole } from '../parse-number.js';
import { type CommonOptions, runAction, withCommonOptions } from '../run-action.js';
import { encodePrompt } from '../training/chat-ids.js';

interface GenerateCommandOptions extends CommonOptions, ModelOptions {
  readonly prompt: string;
  readonly opening?: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly seed: number;
  readonly chat: boolean;
}

export function registerGenerate(program: Command): void {
  withModelOptions(withCommonOptions(program.command('generate')))
    .description('let a local model write, and stream what it writes')
    .requiredOption('--model <path>', 'model folder, or a .gguf file')
    .requiredOption('--prompt <text>', 'what to ask for; - reads standard input')
    .option('--opening <text>', 'begin the answer with this text, e.g. a signature and its brace')
    .option('--max-tokens <n>', 'longest answer', parseWhole(1), 512)
    .option('--temperature <n>', '0 takes the likeliest token', parseDecimal(0), 0.8)
    .option('--top-k <n>', 'sample from the k likeliest tokens; 0 takes all', parseWhole(), 0)
    .option('--top-p <n>', 'sample from the likeliest tokens of this share', parseDecimal(0, 1), 1)
    .option('--seed <n>', 'equal seeds write equal answers', parseWhole(), 1)
    .option('--no-chat', 'continue the prompt as it is, without the model’s chat template')
    .addHelpText(
      'after',
      '\nExample:\n  srcode generate --model models/sft --prompt "Write a C function that copies a name into a record."',
    )
    .action(runAction(generateAction));
}

async function generateAction(options: GenerateCommandOptions, io: CliIo): Promise<void> {
  const prompt = options.prompt === '-' ? await readAll(process.stdin) : options.prompt;
  if (prompt === '' && (options.opening ?? '') === '') {
    throw new InputError({ code: 'USAGE', message: 'Expected a prompt, got an empty one.' });
  }
  const opened = await openModel(options);
  try {
    await streamAnswer(opened, prompt, options, io);
  } finally {
    opened.model.dispose();
  }
}

async function streamAnswer(
  opened: OpenedModel,
  prompt: string,
  options: GenerateCommandOptions,
  io: CliIo,
): Promise<void> {
  const { model, tokenizer, stopTokenIds, backend } = opened;
  const opening = options.opening ?? '';
  const settings: GenerateOptions = {
    maxNewTokens: options.maxTokens,
    temperature: options.temperature,
    topK: options.topK,
    topP: options.topP,
    stopTokenIds,
    rng: Rng.fromSeed(options.seed).fork('generate'),
    signal: io.signal,
  };
  const ids = options.chat ? encodePrompt(tokenizer, prompt, opening) : tokenizer.encode(prompt + opening);
  const pieces: string[] = [];
  const write = (piece: string) => {
    pieces.push(piece);
    if (!io.json) process.stdout.write(piece);
  };
  write(opening);
  const stream = new TextStream(tokenizer);
  const startedMs = performance.now();
  let tokens = 0;
  let finishReason: 'stop' | 'length' | undefined;
  try {
    for await (const event of streamGenerate(model, [ids], settings)) {
      tokens++;
      finishReason = event.finishReason;
      write(stream.push(event.tokenId));
    }
    write(stream.end());
  } finally {
    if (!io.json) process.stdout.write('\n');
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const tokensPerSecond = tokens / seconds;
  const text = pieces.join('');
  if (io.json)
    io.out(
      JSON.stringify(
        {
          text,
          promptTokens: ids.length,
          tokens,
          finishReason,
          seed: options.seed,
          seconds,
          tokensPerSecond,
          backend: backend.name,
        },
        null,
        2,
      ),
    );
  io.note(
    `${tokens} tokens in ${seconds.toFixed(1)} s, ${tokensPerSecond.toFixed(1)} tok/s on ${backend.name}, seed ${options.seed}, ${finishReason === 'stop' ? 'the model ended its answer' : `cut at ${tokens} tokens (--max-tokens, or the model’s last position)`}`,
  );
}
