/** What is done to the advantages of one batch before the policy step. */
export type AdvantageNormalisation = 'none' | 'scale' | 'whiten';

/** Mean and population standard deviation of the entries whose mask is not 0 (all when there is no mask). */
export function maskedMoments(
  values: Float32Array,
  mask?: ArrayLike<number>,
): { readonly mean: number; readonly std: number; readonly count: number } {
  let count = 0;
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    if (mask !== undefined && mask[i] === 0) continue;
    count++;
    sum += values[i]!;
  }
  if (count === 0) return { mean: 0, std: 0, count };
  const mean = sum / count;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    if (mask !== undefined && mask[i] === 0) continue;
    squares += (values[i]! - mean) ** 2;
  }
  return { mean, std: Math.sqrt(squares / count), count };
}

/** `(x − shift)·factor`: what a normalisation does to every advantage of a batch. */
export interface Normalisation {
  readonly shift: number;
  readonly factor: number;
}

const EPSILON = 1e-8;

/**
 * The normalisation of a batch's advantages.
 *
 * - `whiten`: shift = mean, factor = 1/std over all tokens. Subtracting the mean gives every token an advantage,
 *   also those whose reward was 0: credit smears.
 * - `scale` (our choice, not the paper's): no shift; factor = 1/rms over the tokens that carry a reward of their
 *   own (over all non-zero ones when none does). Zeros stay zero; rewards of any scale get the same step size,
 *   which neither the share of rewarded tokens nor a small KL term on the others changes.
 * - `none`: the identity.
 *
 * `rewards` are the task's own, without the KL term.
 */
export function fitNormalisation(
  advantages: Float32Array,
  how: AdvantageNormalisation,
  rewards?: Float32Array,
): Normalisation {
  if (how === 'none') return { shift: 0, factor: 1 };
  if (how === 'whiten') {
    const { mean, std } = maskedMoments(advantages);
    return { shift: mean, factor: 1 / (std + EPSILON) };
  }
  const rmsWhere = (counts: (i: number) => boolean): number => {
    const chosen = advantages.filter((advantage, i) => advantage !== 0 && counts(i));
    return chosen.length === 0 ? 0 : Math.sqrt(chosen.reduce((sum, a) => sum + a * a, 0) / chosen.length);
  };
  const rms = (rewards && rmsWhere((i) => rewards[i] !== 0)) || rmsWhere(() => true);
  return { shift: 0, factor: rms === 0 ? 1 : 1 / (rms + EPSILON) };
}

/** A normalised copy of a batch's advantages; see `fitNormalisation`. */
export function normaliseAdvantages(
  advantages: Float32Array,
  how: AdvantageNormalisation,
  rewards?: Float32Array,
): Float32Array {
  const { shift, factor } = fitNormalisation(advantages, how, rewards);
  return advantages.map((advantage) => (advantage - shift) * factor);
}

/** A whitened copy over the entries whose mask is not 0; masked entries become 0. */
export function whiten(values: Float32Array, mask?: ArrayLike<number>): Float32Array {
  const { mean, std } = maskedMoments(values, mask);
  return values.map((value, i) =>
    mask !== undefined && mask[i] === 0 ? 0 : (value - mean) / (std + EPSILON),
  );
}

/**
 * Share, in [0, 1], of the absolute advantage that lies on tokens which carry a reward of their own; 0 when
 * there is no advantage at all. 1 means that credit stays where the reward was placed.
 */
export function measureAdvantageLocality(advantages: Float32Array, rewards: Float32Array): number {
  let all = 0;
  let local = 0;
  for (let i = 0; i < advantages.length; i++) {
    const mass = Math.abs(advantages[i]!);
    all += mass;
    if (rewards[i] !== 0) local += mass;
  }
  return all === 0 ? 0 : local / all;
}
