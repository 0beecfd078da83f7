import { RewardInputError } from '../errors.js';
import type { LintTokenizer } from '../lint-rewards.js';
import type { TokenOffsets } from '../map-spans-to-tokens.js';
import type { Completion, RewardPair, RewardStrategy, TokenRewards } from '../types.js';
import { type OpenRlhfRequest, pairSchema, type RewardItem } from './schemas.js';

/** A pair id or strategy that the server does not have. */
export class UnknownNameError extends RewardInputError {}

export interface RewardServices {
  readonly pairs: ReadonlyMap<string, RewardPair>;
  readonly strategies: ReadonlyMap<string, RewardStrategy>;
  readonly defaultStrategy: string;
  readonly tokenizer: LintTokenizer | undefined;
}

function findPair(services: RewardServices, id: string): RewardPair {
  const pair = services.pairs.get(id);
  if (pair) return pair;
  throw new UnknownNameError({
    code: 'REWARDS_UNKNOWN_PAIR',
    message: `Expected the id of one of the ${services.pairs.size} loaded pairs, got "${id}". Load the pairs when starting the server, or send "pair".`,
    context: { pairId: id },
  });
}

function findStrategy(services: RewardServices, name = services.defaultStrategy): RewardStrategy {
  const strategy = services.strategies.get(name);
  if (strategy) return strategy;
  throw new UnknownNameError({
    code: 'REWARDS_UNKNOWN_STRATEGY',
    message: `Expected one of the strategies ${[...services.strategies.keys()].join(', ')}, got "${name}".`,
    context: { strategy: name },
  });
}

function offsetsOf(item: RewardItem, tokenizer: LintTokenizer | undefined): TokenOffsets {
  if (item.tokenOffsets) return item.tokenOffsets;
  if (item.tokenTexts) {
    let at = 0;
    const offsets = item.tokenTexts.map((text): readonly [number, number] => {
      const start = at;
      at += text.length;
      return [start, at];
    });
    if (item.tokenTexts.join('') === item.completion) return offsets;
    throw new RewardInputError({
      code: 'REWARDS_TOKENS_MISMATCH',
      message: `Expected token texts that spell the completion (${item.completion.length} characters), got texts that spell ${at} other ones. Byte-level tokens do not spell text one by one: send "tokenOffsets".`,
    });
  }
  if (!tokenizer) {
    throw new RewardInputError({
      code: 'REWARDS_NO_TOKENIZER',
      message:
        'Expected "tokenOffsets" or "tokenTexts": token ids need a tokenizer, and this server was started without one.',
    });
  }
  const decoded = tokenizer.decodeWithOffsets(item.tokenIds!);
  if (decoded.text === item.completion) return decoded.offsets;
  throw new RewardInputError({
    code: 'REWARDS_TOKENS_MISMATCH',
    message: `Expected token ids that decode to the completion with this server's tokenizer, got ${decoded.text.length} characters for ${item.completion.length}. Rewards belong to the very ids that were sampled: start the server with the model's tokenizer.`,
  });
}

/** Rewards of one item; `id` names it in errors. Throws RewardInputError. */
export async function scoreItem(services: RewardServices, item: RewardItem): Promise<TokenRewards> {
  const pair = item.pair ?? findPair(services, item.pairId!);
  const completion: Completion = { text: item.completion, tokenOffsets: offsetsOf(item, services.tokenizer) };
  return findStrategy(services, item.strategy).score(pair, completion);
}

export interface OpenRlhfResponse {
  readonly rewards: readonly number[];
  readonly scores: readonly number[];
  readonly extra_logs: Readonly<Record<string, readonly number[]>>;
}

/** One total per answer, as OpenRLHF scatters it to the last token; a label is a pair's id or a pair as JSON. */
export async function scoreOpenRlhf(
  services: RewardServices,
  request: OpenRlhfRequest,
): Promise<OpenRlhfResponse> {
  const strategy = findStrategy(services);
  const totals: number[] = [];
  const positive: number[] = [];
  const negative: number[] = [];
  for (const [i, query] of request.query.entries()) {
    const prompt = request.prompts[i]!;
    if (!query.startsWith(prompt)) {
      throw new RewardInputError({
        code: 'REWARDS_PROMPT_MISMATCH',
        message: `Expected query ${i} to begin with its prompt (${prompt.length} characters), it does not. The reward cannot tell the answer from the prompt.`,
        context: { index: i },
      });
    }
    const text = query.slice(prompt.length);
    const rewards = await strategy.score(pairOfLabel(services, request.labels[i]!), {
      text,
      tokenOffsets: [[0, text.length]],
    });
    totals.push(rewards.total);
    positive.push(sumOf(rewards, 1));
    negative.push(sumOf(rewards, -1));
  }
  return {
    rewards: totals,
    scores: totals,
    extra_logs: { secure_mass: positive, vulnerable_mass: negative },
  };
}

function sumOf(rewards: TokenRewards, sign: 1 | -1): number {
  return rewards.spans.reduce((sum, span) => (span.value * sign > 0 ? sum + span.value : sum), 0);
}

function pairOfLabel(services: RewardServices, label: string): RewardPair {
  const known = services.pairs.get(label);
  if (known || !label.trimStart().startsWith('{')) return known ?? findPair(services, label);
  try {
    return pairSchema.parse(JSON.parse(label));
  } catch (cause) {
    throw new RewardInputError({
      code: 'REWARDS_BAD_LABEL',
      message:
        'Expected a label that is a loaded pair\'s id or JSON {"id", "vulnerable", "secure"}, got JSON that is not.',
      cause,
    });
  }
}
