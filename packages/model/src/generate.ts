import { InputError, type Rng, throwIfCancelled } from '@srcode/core';
import { FullDecodingSession } from './decode/full-session.js';
import { type SampleTokenOptions, sampleToken } from './sample-token.js';
import type { CausalLm, DecodingSession, GeneratedSequence, GenerateOptions } from './types.js';

/** One sampled token of one prompt's continuation. */
export interface TokenEvent {
  readonly type: 'token';
  /** Index of the prompt. */
  readonly index: number;
  readonly tokenId: number;
  /** Nats, at temperature 1 without truncation. */
  readonly logProb: number;
  /** Set on the last token of this continuation. */
  readonly finishReason: 'stop' | 'length' | undefined;
}

interface Row {
  readonly index: number;
  readonly rng: Rng;
  readonly limit: number;
  readonly tokenIds: number[];
  readonly logProbs: number[];
  finishReason: 'stop' | 'length' | undefined;
}

function checkNumber(name: string, value: number, valid: boolean, expected: string): void {
  if (valid) return;
  throw new InputError({
    code: 'GENERATE_OPTION',
    message: `generate: ${name}: expected ${expected}, got ${value}.`,
    context: { name, value },
  });
}

function checkOptions(options: GenerateOptions): void {
  const { maxNewTokens, temperature = 1, topK = 0, topP = 1, stopStrings = [] } = options;
  checkNumber(
    'maxNewTokens',
    maxNewTokens,
    Number.isInteger(maxNewTokens) && maxNewTokens > 0,
    'an integer above 0',
  );
  checkNumber(
    'temperature',
    temperature,
    temperature >= 0 && temperature < Infinity,
    'a number of at least 0',
  );
  checkNumber('topK', topK, Number.isInteger(topK) && topK >= 0, 'an integer of at least 0');
  checkNumber('topP', topP, topP > 0 && topP <= 1, 'a number in (0, 1]');
  if (stopStrings.some((stop) => stop === '') || (stopStrings.length > 0 && !options.tokenizer)) {
    throw new InputError({
      code: 'GENERATE_OPTION',
      message: 'generate: stopStrings: expected non-empty strings and a tokenizer to decode with.',
    });
  }
}

function createRows(model: CausalLm, prompts: readonly Int32Array[], options: GenerateOptions): Row[] {
  const { maxPositionEmbeddings } = model.config;
  return prompts.map((prompt, index) => {
    if (prompt.length === 0 || prompt.length >= maxPositionEmbeddings) {
      throw new InputError({
        code: 'GENERATE_PROMPT',
        message: `Prompt ${index}: expected between 1 and ${maxPositionEmbeddings - 1} tokens (the model has ${maxPositionEmbeddings} positions), got ${prompt.length}.`,
        context: { index, length: prompt.length, maxPositionEmbeddings },
      });
    }
    return {
      index,
      rng: options.rng.fork('row', index),
      limit: Math.min(options.maxNewTokens, maxPositionEmbeddings - prompt.length),
      tokenIds: [],
      logProbs: [],
      finishReason: undefined,
    };
  });
}

/** Appends a token to a row and decides whether it was the last. */
function acceptToken(
  row: Row,
  tokenId: number,
  logProb: number,
  options: GenerateOptions,
  tail: number,
): void {
  row.tokenIds.push(tokenId);
  row.logProbs.push(logProb);
  const { stopTokenIds = [], stopStrings = [], tokenizer } = options;
  if (stopTokenIds.includes(tokenId)) row.finishReason = 'stop';
  else if (stopStrings.length > 0) {
    const text = tokenizer!.decode(row.tokenIds.slice(-tail));
    if (stopStrings.some((stop) => text.includes(stop))) row.finishReason = 'stop';
  }
  if (row.tokenIds.length >= row.limit) row.finishReason ??= 'length';
}

/** A token of each active row, by the session where it can, else from its logits. */
async function sampleRows(
  session: DecodingSession,
  rngs: readonly Rng[],
  options: SampleTokenOptions,
): Promise<{ readonly tokenId: number; readonly logProb: number }[]> {
  const { temperature, topK, topP } = options;
  if (session.sample && temperature > 0 && topK === 0 && topP === 1) {
    const sampled = session.sample(temperature, () => rngs.map((rng) => rng.nextFloat()));
    if (sampled)
      return rngs.map((_, r) => ({ tokenId: sampled.tokenIds[r]!, logProb: sampled.logProbs[r]! }));
  }
  const logits = await session.logits();
  const vocabSize = logits.length / rngs.length;
  return rngs.map((rng, r) => sampleToken(logits.subarray(r * vocabSize, (r + 1) * vocabSize), options, rng));
}

/**
 * Yields every sampled token as it is made and returns the finished continuations, in the order of the prompts.
 *
 * Each prompt draws from `rng.fork('row', index)`, so that its tokens do not depend on which other prompts share the
 * batch, up to floating-point differences. A continuation that would pass the model's last position ends with reason
 * `length`. Throws `InputError` on bad options or prompts, `CancelledError` when `signal` is aborted; frees all tensors
 * in any case, also when the consumer stops early.
 */
export async function* streamGenerate(
  model: CausalLm,
  prompts: readonly Int32Array[],
  options: GenerateOptions,
): AsyncGenerator<TokenEvent, GeneratedSequence[]> {
  checkOptions(options);
  const rows = createRows(model, prompts, options);
  if (rows.length === 0) return [];
  throwIfCancelled(options.signal);
  const { temperature = 1, topK = 0, topP = 1, stopStrings = [] } = options;
  // A token is at least one byte, so this many of the newest cover the longest stop string and a split character.
  const tail = stopStrings.reduce((most, stop) => Math.max(most, stop.length * 3), 0) + 4;
  const room = Math.max(...rows.map(({ limit }) => limit));
  const session = model.startDecoding
    ? model.startDecoding(prompts, Math.min(room, options.maxNewTokens))
    : new FullDecodingSession(model, prompts);
  try {
    let active = rows;
    for (;;) {
      const sampled = await sampleRows(
        session,
        active.map(({ rng }) => rng),
        { temperature, topK, topP },
      );
      for (const [r, row] of active.entries()) {
        const { tokenId, logProb } = sampled[r]!;
        acceptToken(row, tokenId, logProb, options, tail);
        yield { type: 'token', index: row.index, tokenId, logProb, finishReason: row.finishReason };
      }
      const kept = active.flatMap((row, r) => (row.finishReason ? [] : [r]));
      if (kept.length === 0) break;
      active = kept.map((r) => active[r]!);
      // Lets signals and timers in between two tokens.
      await new Promise((resolve) => setImmediate(resolve));
      throwIfCancelled(options.signal);
      session.advance(
        kept,
        active.map((row) => row.tokenIds.at(-1)!),
      );
    }
  } finally {
    session.dispose();
  }
  return rows.map(({ tokenIds, logProbs, finishReason }) => ({
    tokenIds: Int32Array.from(tokenIds),
    logProbs: Float32Array.from(logProbs),
    finishReason: finishReason!,
  }));
}

/** One continuation per prompt, in order: `streamGenerate` run to its end. */
export async function generate(
  model: CausalLm,
  prompts: readonly Int32Array[],
  options: GenerateOptions,
): Promise<GeneratedSequence[]> {
  const stream = streamGenerate(model, prompts, options);
  for (;;) {
    const step = await stream.next();
    if (step.done) return step.value;
  }
}
