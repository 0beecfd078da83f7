import { RewardInputError } from './errors.js';
import { assertTokenOffsets, type TokenOffsets } from './map-spans-to-tokens.js';
import type { RewardOptions } from './options.js';
import { tagReference } from './tag-reference.js';
import type { RewardPair } from './types.js';

export interface SftTokenWeightsOptions {
  /** Weight of a token that the fix brought, against 1 for others. Default 4 (our choice). */
  readonly securityWeight?: number;
  /** Scale so that the mean is 1 and the learning rate keeps its meaning. Default true. */
  readonly normalize?: boolean;
  /** Where the secure code begins in the text that the offsets count in. Default 0. */
  readonly codeStart?: number;
  readonly rewards?: RewardOptions;
}

/**
 * Loss weights [tokens] float32 for a secure reference answer: more on the tokens that make it secure, 1 elsewhere.
 *
 * A token that only partly overlaps a tagged one gets a weight in between. `tokenOffsets` are spans in the answer's text.
 * @throws RewardInputError
 */
export function sftTokenWeights(
  pair: RewardPair,
  tokenOffsets: TokenOffsets,
  options: SftTokenWeightsOptions = {},
): Float32Array {
  const securityWeight = options.securityWeight ?? 4;
  if (!(securityWeight >= 0 && Number.isFinite(securityWeight))) {
    throw new RewardInputError({
      code: 'REWARDS_BAD_OPTION',
      message: `Expected securityWeight of at least 0, got ${securityWeight}.`,
    });
  }
  assertTokenOffsets(tokenOffsets);
  const codeStart = options.codeStart ?? 0;
  const tags = tagReference(pair, 'secure', options.rewards);
  const weights = new Float64Array(tokenOffsets.length);
  let next = 0;
  for (const [i, [start, end]] of tokenOffsets.entries()) {
    while (next < tags.length && tags[next]!.end + codeStart <= start) next++;
    let covered = 0;
    for (let t = next; t < tags.length && tags[t]!.start + codeStart < end; t++)
      covered += Math.min(end, tags[t]!.end + codeStart) - Math.max(start, tags[t]!.start + codeStart);
    const solid = end - start;
    weights[i] =
      1 +
      (solid === 0
        ? 0
        : (securityWeight - 1) * Math.min(1, (covered > 0 ? Math.max(covered, 1) : 0) / solid));
  }
  if (options.normalize === false || weights.length === 0) return Float32Array.from(weights);
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
  return Float32Array.from(weights, (weight) => (mean === 0 ? 1 : weight / mean));
}
