import { RewardInputError } from './errors.js';

/** How pairs become rewards; every number here is our choice, not the paper's. */
export interface RewardOptions {
  /** Tokens of context on each side of a hunk; hunks closer than this merge. Default 8. */
  readonly contextTokens?: number;
  /** α: mass of an answer that realises every secure hunk exactly. Default 1. */
  readonly secureMass?: number;
  /** β: mass, taken as a penalty, of an answer that realises every vulnerable hunk exactly. Default 1. */
  readonly vulnerableMass?: number;
  /** A side whose score is below this is no evidence. In [0, 1]. Default 0.4. */
  readonly minScore?: number;
  /** Sides whose scores differ by no more than this are tied. In [0, 1]. Default 0.1. */
  readonly margin?: number;
  /**
   * γ: mass, taken as a penalty, of an answer whose syntax is broken although the pair's secure side parses. Its secure hunks
   * are silent then: half of one version spliced onto half of another is no fix. An answer cut off by a token limit counts as
   * broken at its end; one of more than 20,000 characters is not parsed. 0 looks at no syntax. Default 0.
   */
  readonly brokenSyntaxMass?: number;
  /** `size`: w_h ∝ √(changed tokens); `uniform`: w_h = 1 / hunks. Σ w_h = 1. Default `size`. */
  readonly hunkWeights?: 'size' | 'uniform';
  /** Whether a fenced answer is read in its first code block alone, as benchmarks do, or as a whole. Default `first`. */
  readonly codeBlock?: 'first' | 'whole';
  /** Characters of an answer that are read; what lies beyond gets no reward. Default 200,000. */
  readonly maxTextLength?: number;
}

export type ResolvedRewardOptions = Required<RewardOptions>;

const DEFAULTS: ResolvedRewardOptions = {
  contextTokens: 8,
  secureMass: 1,
  vulnerableMass: 1,
  minScore: 0.4,
  margin: 0.1,
  brokenSyntaxMass: 0,
  hunkWeights: 'size',
  codeBlock: 'first',
  maxTextLength: 200_000,
};

function assertRange(name: string, value: number, low: number, high: number): void {
  if (Number.isFinite(value) && value >= low && value <= high) return;
  throw new RewardInputError({
    code: 'REWARDS_BAD_OPTION',
    message: `Expected ${name} in [${low}, ${high}], got ${value}.`,
    context: { option: name, value },
  });
}

/** Options with defaults filled in. Throws `RewardInputError` when one is out of range. */
export function resolveRewardOptions(options: RewardOptions = {}): ResolvedRewardOptions {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const resolved: ResolvedRewardOptions = { ...DEFAULTS, ...given };
  assertRange('contextTokens', resolved.contextTokens, 1, 256);
  assertRange('secureMass', resolved.secureMass, 0, 1e6);
  assertRange('vulnerableMass', resolved.vulnerableMass, 0, 1e6);
  assertRange('brokenSyntaxMass', resolved.brokenSyntaxMass, 0, 1e6);
  assertRange('minScore', resolved.minScore, 0, 1);
  assertRange('margin', resolved.margin, 0, 1);
  assertRange('maxTextLength', resolved.maxTextLength, 1, 2 * 1024 * 1024);
  return resolved;
}
