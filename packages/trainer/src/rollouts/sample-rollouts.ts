import { InputError, type Rng, SrcodeError } from '@srcode/core';
import type { Tokenizer } from '@srcode/model';
import type {
  GenerateFunction,
  RewardFunction,
  RolloutPrompt,
  RolloutReward,
  SampledRollout,
  SamplingSettings,
} from './rollout.js';

/** Throws `InputError` when there is nothing to start from. */
export function checkPrompts(prompts: readonly RolloutPrompt[]): void {
  const empty = prompts.findIndex((prompt) => prompt.promptIds.length === 0);
  if (prompts.length > 0 && empty === -1) return;
  throw new InputError({
    code: 'TRAINER_NO_PROMPTS',
    message:
      empty === -1
        ? 'Expected at least one prompt to sample from, got none.'
        : `Prompt ${empty}: expected at least one token id, got none.`,
  });
}

/** Prompts of a step (0-based): every prompt once per pass, in an order of that pass. Pure, so resuming needs no state. */
export function choosePrompts(
  prompts: readonly RolloutPrompt[],
  step: number,
  count: number,
  rng: Rng,
): RolloutPrompt[] {
  const orders = new Map<number, RolloutPrompt[]>();
  return Array.from({ length: count }, (_, i) => {
    const at = step * count + i;
    const pass = Math.floor(at / prompts.length);
    if (!orders.has(pass)) orders.set(pass, rng.fork('pass', pass).shuffle(prompts));
    return orders.get(pass)![at % prompts.length]!;
  });
}

/** `samplesPerPrompt` rollouts of each prompt, those of one prompt side by side. */
export async function sampleRollouts(inputs: {
  readonly prompts: readonly RolloutPrompt[];
  readonly settings: SamplingSettings;
  readonly generate: GenerateFunction;
  readonly tokenizer: Tokenizer;
  readonly step: number;
  readonly rng: Rng;
  readonly signal?: AbortSignal | undefined;
}): Promise<SampledRollout[]> {
  const { prompts, settings, tokenizer, step, rng, signal } = inputs;
  const repeated = prompts.flatMap((prompt) => Array<RolloutPrompt>(settings.samplesPerPrompt).fill(prompt));
  const { maxNewTokens, temperature = 1, topK = 0, topP = 1, stopTokenIds } = settings;
  const sequences = await inputs.generate(
    repeated.map((prompt) => prompt.promptIds),
    {
      maxNewTokens,
      temperature,
      topK,
      topP,
      stopTokenIds,
      rng,
      ...(signal === undefined ? {} : { signal }),
    },
  );
  return sequences.map((sequence, index) => {
    const { text, offsets } = tokenizer.decodeWithOffsets(sequence.tokenIds);
    return {
      ...repeated[index]!,
      id: `step${step}-${index}`,
      completion: text,
      tokenIds: sequence.tokenIds,
      tokenOffsets: offsets,
      logProbs: sequence.logProbs,
      finishReason: sequence.finishReason,
    };
  });
}

/** Rewards of the rollouts. Throws `SrcodeError` when the function breaks its contract: loudly, not at the last token. */
export async function scoreRewards(
  reward: RewardFunction,
  rollouts: readonly SampledRollout[],
): Promise<readonly RolloutReward[]> {
  const rewards = await reward(rollouts);
  const fail = (message: string, index?: number): never => {
    throw new SrcodeError({ code: 'TRAINER_REWARD_CONTRACT', message, context: { index } });
  };
  if (rewards.length !== rollouts.length)
    fail(`Expected one reward per rollout (${rollouts.length}), the reward function gave ${rewards.length}.`);
  rewards.forEach(({ values, total }, index) => {
    const { id, tokenIds } = rollouts[index]!;
    if (values.length !== tokenIds.length)
      fail(
        `Rollout ${id}: expected ${tokenIds.length} reward values, one per sampled token, got ${values.length}. Were the tokens made anew from text?`,
        index,
      );
    if (!Number.isFinite(total) || values.some((value) => !Number.isFinite(value)))
      fail(`Rollout ${id}: expected finite rewards, got ${total}.`, index);
  });
  return rewards;
}
