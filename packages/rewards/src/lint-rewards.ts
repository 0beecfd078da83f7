import { lexTokens, parseCode } from '@srcode/code';
import { type ProgressEvent, throwIfCancelled } from '@srcode/core';
import { buildHunks } from './build-hunks.js';
import { createTokenReward } from './create-rewards.js';
import { AdvantageMeter } from './internal/advantage-meter.js';
import { LintTally } from './internal/lint-tally.js';
import type { TokenOffsets } from './map-spans-to-tokens.js';
import type { RewardOptions } from './options.js';
import type { Completion, RewardPair, RewardStrategy } from './types.js';

/** The part of a tokenizer that lint needs; `@srcode/model`'s tokenizers have it. */
export interface LintTokenizer {
  encode(text: string): ArrayLike<number>;
  decodeWithOffsets(ids: ArrayLike<number>): { readonly text: string; readonly offsets: TokenOffsets };
}

export interface LintRewardsOptions {
  /** Discount. Default 1. */
  readonly gamma?: number;
  /** GAE's λ. Default 0, which keeps a token's advantage on that token. */
  readonly lambda?: number;
  /** Whether advantages are whitened over a batch. Default false. */
  readonly whiten?: boolean;
  /** Answers in a whitening batch. Default 64. */
  readonly batchSize?: number;
  /** Longest answer the model can write, in its tokens; default no limit. */
  readonly maxTokens?: number;
  /** Default: lexical tokens stand for model tokens, and the report says so. */
  readonly tokenizer?: LintTokenizer;
  /** Default: token-level rewards with `rewards` options. */
  readonly strategy?: RewardStrategy;
  readonly rewards?: RewardOptions;
  /** Ids listed per kind of trouble. Default 20. */
  readonly maxListed?: number;
  /** For progress, when known. */
  readonly total?: number;
  readonly signal?: AbortSignal;
}

/** Figures of one side over all pairs that could be scored. */
export interface LintSide {
  /** Model tokens of that side's texts, after truncation. */
  readonly tokens: number;
  /** Share of them with a reward that is not 0. */
  readonly rewardedShare: number;
  /** Mean total reward of that side's text as an answer. */
  readonly meanTotal: number;
  /** Σ of positive and Σ of negative rewards, per text. */
  readonly meanPositive: number;
  readonly meanNegative: number;
  /** Texts with no reward at all. */
  readonly empty: number;
}

/** A kind of trouble: how many pairs have it, and which ones first. */
export interface LintTrouble {
  readonly count: number;
  readonly pairs: readonly string[];
}

export interface RewardLintReport {
  readonly pairs: number;
  readonly tokenization: 'lexical' | 'tokenizer';
  readonly secure: LintSide;
  readonly vulnerable: LintSide;
  /** Pairs whose two sides both carry rewards, and their share of all pairs. */
  readonly bothSides: { readonly count: number; readonly share: number };
  /** Among pairs whose two sides parse without error. */
  readonly parsed: {
    readonly count: number;
    readonly bothSides: number;
    readonly bothSidesShare: number;
    /** Share where the secure text scores above the vulnerable one. */
    readonly orderedShare: number;
  };
  /** Total of the secure text minus total of the vulnerable one. */
  readonly gap: { readonly mean: number; readonly minimum: number; readonly positiveShare: number };
  readonly hunks: {
    readonly count: number;
    readonly insertionOnly: number;
    readonly deletionOnly: number;
    readonly replacing: number;
    readonly meanPerPair: number;
  };
  readonly truncation: {
    readonly texts: number;
    readonly tokensLost: number;
    /** Share of Σ |reward| that lay on tokens cut off. */
    readonly massLostShare: number;
  };
  readonly advantages: {
    readonly gamma: number;
    readonly lambda: number;
    readonly whiten: boolean;
    /** Share of Σ |advantage| on tokens that have a reward, with value estimates 0; null when there is no advantage. */
    readonly locality: number | null;
    /** Share of tokens whose advantage is more than 1 % of the largest of their batch. */
    readonly touchedShare: number;
  };
  readonly troubles: Readonly<Record<LintTroubleKind, LintTrouble>>;
}

export type LintTroubleKind =
  /** The sides differ in whitespace and comments alone. */
  | 'no-difference'
  /** The secure (vulnerable) text as an answer gets no reward. */
  | 'secure-empty'
  | 'vulnerable-empty'
  /** The secure text does not score above the vulnerable one. */
  | 'not-ordered'
  /** A text is longer than `maxTokens`. */
  | 'truncated'
  /** Scoring threw; the message is the first one. */
  | 'failed';

/**
 * What the rewards of a data set look like before compute is spent: density, mass per side, order of S and V, truncation,
 * and where γ, λ and whitening would put the credit.
 *
 * Each side's own text is scored as if a model had sampled it. Streams: memory holds one whitening batch. A pair that fails
 * is counted and the rest goes on. Yields progress; returns the report.
 */
export async function* lintRewards(
  pairs: Iterable<RewardPair> | AsyncIterable<RewardPair>,
  options: LintRewardsOptions = {},
): AsyncGenerator<ProgressEvent, RewardLintReport> {
  const strategy = options.strategy ?? createTokenReward(options.rewards);
  const tally = new LintTally(options.maxListed ?? 20);
  const meter = new AdvantageMeter({
    gamma: options.gamma ?? 1,
    lambda: options.lambda ?? 0,
    whiten: options.whiten ?? false,
    batchSize: options.batchSize ?? 64,
  });
  let completed = 0;
  for await (const pair of pairs) {
    throwIfCancelled(options.signal);
    try {
      await lintPair(pair, strategy, options, tally, meter);
    } catch (error) {
      tally.trouble('failed', `${pair.id}: ${error instanceof Error ? error.message : String(error)}`);
    }
    completed++;
    if (completed % 25 !== 0) continue;
    // Syntax trees are freed only when the event loop turns.
    await new Promise((resolve) => setImmediate(resolve));
    yield { type: 'progress', stage: 'lint', completed, total: options.total };
  }
  yield { type: 'progress', stage: 'lint', completed, total: options.total };
  return tally.report(completed, options.tokenizer ? 'tokenizer' : 'lexical', meter.finish());
}

async function lintPair(
  pair: RewardPair,
  strategy: RewardStrategy,
  options: LintRewardsOptions,
  tally: LintTally,
  meter: AdvantageMeter,
): Promise<void> {
  const hunks = buildHunks(pair, options.rewards);
  const totals = { secure: 0, vulnerable: 0 };
  const limit = options.maxTokens ?? Number.POSITIVE_INFINITY;
  for (const side of ['secure', 'vulnerable'] as const) {
    const rewards = await strategy.score(pair, tokenize(pair[side], options.tokenizer));
    const kept = rewards.values.subarray(0, Math.min(rewards.values.length, limit));
    totals[side] = tally.addSide(pair.id, side, rewards.values, kept);
    meter.add(kept);
  }
  const parses = parseCode(pair.secure).ok && parseCode(pair.vulnerable).ok;
  tally.addPair(pair.id, totals, hunks, parses);
}

function tokenize(text: string, tokenizer: LintTokenizer | undefined): Completion {
  if (!tokenizer) {
    const tokenOffsets = lexTokens(text).map(({ start, end }): readonly [number, number] => [start, end]);
    return { text, tokenOffsets };
  }
  const decoded = tokenizer.decodeWithOffsets(tokenizer.encode(text));
  return { text: decoded.text, tokenOffsets: decoded.offsets };
}
