import type { RewardHunk } from '../build-hunks.js';
import type { LintSide, LintTrouble, LintTroubleKind, RewardLintReport } from '../lint-rewards.js';
import type { AdvantageFigures } from './advantage-meter.js';

class SideTally {
  texts = 0;
  tokens = 0;
  rewarded = 0;
  positive = 0;
  negative = 0;
  empty = 0;

  report(): LintSide {
    const texts = Math.max(1, this.texts);
    return {
      tokens: this.tokens,
      rewardedShare: this.tokens === 0 ? 0 : this.rewarded / this.tokens,
      meanTotal: (this.positive + this.negative) / texts,
      meanPositive: this.positive / texts,
      meanNegative: this.negative / texts,
      empty: this.empty,
    };
  }
}

/** Running sums of a reward lint. */
export class LintTally {
  readonly #maxListed: number;
  readonly #sides = { secure: new SideTally(), vulnerable: new SideTally() };
  readonly #troubles: Record<LintTroubleKind, { count: number; pairs: string[] }> = {
    'no-difference': { count: 0, pairs: [] },
    'secure-empty': { count: 0, pairs: [] },
    'vulnerable-empty': { count: 0, pairs: [] },
    'not-ordered': { count: 0, pairs: [] },
    truncated: { count: 0, pairs: [] },
    failed: { count: 0, pairs: [] },
  };
  #scored = 0;
  #bothSides = 0;
  #parsed = 0;
  #parsedBoth = 0;
  #parsedOrdered = 0;
  #gapSum = 0;
  #gapMinimum = Number.POSITIVE_INFINITY;
  #ordered = 0;
  #hunks = { count: 0, insertionOnly: 0, deletionOnly: 0, replacing: 0 };
  #truncatedTexts = 0;
  #tokensLost = 0;
  #massLost = 0;
  #mass = 0;

  constructor(maxListed: number) {
    this.#maxListed = maxListed;
  }

  trouble(kind: LintTroubleKind, pair: string): void {
    const entry = this.#troubles[kind];
    entry.count++;
    if (entry.pairs.length < this.#maxListed) entry.pairs.push(pair);
  }

  /** Adds one side's rewards, whole and as far as `maxTokens`; returns the total of what was kept. */
  addSide(pair: string, side: 'secure' | 'vulnerable', all: Float32Array, kept: Float32Array): number {
    const tally = this.#sides[side];
    let total = 0;
    let rewarded = 0;
    for (const value of kept) {
      if (value === 0) continue;
      rewarded++;
      total += value;
      if (value > 0) tally.positive += value;
      else tally.negative += value;
      this.#mass += Math.abs(value);
    }
    for (const value of all.subarray(kept.length)) {
      this.#mass += Math.abs(value);
      this.#massLost += Math.abs(value);
    }
    tally.texts++;
    tally.tokens += kept.length;
    tally.rewarded += rewarded;
    if (rewarded === 0) {
      tally.empty++;
      this.trouble(`${side}-empty`, pair);
    }
    if (kept.length < all.length) {
      this.#truncatedTexts++;
      this.#tokensLost += all.length - kept.length;
      this.trouble('truncated', `${pair} (${side}: ${all.length} tokens)`);
    }
    return rewarded === 0 ? Number.NaN : total;
  }

  /** Adds what holds for the pair; a total is NaN where its side has no reward. */
  addPair(
    id: string,
    totals: { readonly secure: number; readonly vulnerable: number },
    hunks: readonly RewardHunk[],
    parses: boolean,
  ): void {
    const gap = (totals.secure || 0) - (totals.vulnerable || 0);
    const both = !Number.isNaN(totals.secure) && !Number.isNaN(totals.vulnerable);
    this.#scored++;
    this.#gapSum += gap;
    this.#gapMinimum = Math.min(this.#gapMinimum, gap);
    if (both) this.#bothSides++;
    if (gap > 0) this.#ordered++;
    else this.trouble('not-ordered', id);
    if (parses) {
      this.#parsed++;
      if (both) this.#parsedBoth++;
      if (gap > 0) this.#parsedOrdered++;
    }
    if (hunks.length === 0) this.trouble('no-difference', id);
    for (const hunk of hunks) {
      this.#hunks.count++;
      if (hunk.edits.every((edit) => edit.vulnerableStart === edit.vulnerableEnd))
        this.#hunks.insertionOnly++;
      else if (hunk.edits.every((edit) => edit.secureStart === edit.secureEnd)) this.#hunks.deletionOnly++;
      else this.#hunks.replacing++;
    }
  }

  report(
    pairs: number,
    tokenization: RewardLintReport['tokenization'],
    advantages: AdvantageFigures,
  ): RewardLintReport {
    const share = (count: number, of: number): number => (of === 0 ? 0 : count / of);
    const troubles: Record<LintTroubleKind, LintTrouble> = this.#troubles;
    return {
      pairs,
      tokenization,
      secure: this.#sides.secure.report(),
      vulnerable: this.#sides.vulnerable.report(),
      bothSides: { count: this.#bothSides, share: share(this.#bothSides, pairs) },
      parsed: {
        count: this.#parsed,
        bothSides: this.#parsedBoth,
        bothSidesShare: share(this.#parsedBoth, this.#parsed),
        orderedShare: share(this.#parsedOrdered, this.#parsed),
      },
      gap: {
        mean: share(this.#gapSum, this.#scored),
        minimum: this.#scored === 0 ? 0 : this.#gapMinimum,
        positiveShare: share(this.#ordered, this.#scored),
      },
      hunks: { ...this.#hunks, meanPerPair: share(this.#hunks.count, this.#scored) },
      truncation: {
        texts: this.#truncatedTexts,
        tokensLost: this.#tokensLost,
        massLostShare: share(this.#massLost, this.#mass),
      },
      advantages,
      troubles,
    };
  }
}
