import type { Comparison, RunResults } from '../schemas.js';
import { armLabel } from './arms.js';
import { formatChange, formatPoints, formatRate } from './format.js';
import { type ArmSummary, type RateKey, rateLabels, seriousFindings } from './summarise-arms.js';

/** One statement of the paper beside what this run measured. */
export interface Claim {
  readonly claim: string;
  readonly measured: string;
  readonly reading: 'in line' | 'not in line' | 'not separated' | 'not measured';
}

/** The paper's figure: high and medium findings fall by more than half. */
const CLAIMED_FALL = 0.5;

function findingsClaim(results: RunResults, token: ArmSummary, baseline: ArmSummary): Claim {
  const claim = `High and medium findings fall by more than 50 % against ${armLabel(baseline.arm)}`;
  const [before, after] = [seriousFindings(baseline), seriousFindings(token)];
  if (before === null || after === null || before === 0)
    return { claim, measured: before === 0 ? 'no findings in the baseline' : '–', reading: 'not measured' };
  const change = after / before - 1;
  const stated = findComparison(results, 'highAndMediumPerSample', token, baseline)?.interval;
  const interval = stated
    ? `, 95 % interval of the difference ${(100 * stated[0]).toFixed(1)} to ${(100 * stated[1]).toFixed(1)}`.replaceAll(
        '-',
        '−',
      )
    : '';
  const measured = `${before.toFixed(1)} → ${after.toFixed(1)} per 100 samples (${formatChange(change)}${interval})`;
  if (stated && stated[0] <= 0 && stated[1] >= 0) return { claim, measured, reading: 'not separated' };
  return { claim, measured, reading: change < -CLAIMED_FALL ? 'in line' : 'not in line' };
}

function findComparison(
  results: RunResults,
  metric: string,
  arm: ArmSummary,
  against: ArmSummary,
): Comparison | undefined {
  return results.comparisons?.find(
    (comparison) =>
      comparison.metric === metric && comparison.arm === arm.arm && comparison.against === against.arm,
  );
}

/** In how many seeds both arms have, the first is higher; null when no seed is shared. */
function countWins(key: RateKey, a: ArmSummary, b: ArmSummary): { wins: number; seeds: number } {
  let [wins, seeds] = [0, 0];
  for (const mine of a.seeds) {
    const theirs = b.seeds.find(({ seed }) => seed === mine.seed);
    if (!theirs || mine[key] === null || theirs[key] === null) continue;
    seeds++;
    if (mine[key] > theirs[key]) wins++;
  }
  return { wins, seeds };
}

/** The run's interval of an arm's rate over all seeds, or the seeds' intervals averaged end by end; null without any. */
function armInterval(key: RateKey, arm: ArmSummary): readonly [number, number] | null {
  if (arm.pooled[key]) return arm.pooled[key];
  const own = arm.seeds.map(({ intervals }) => intervals[key]).filter((interval) => !!interval);
  if (own.length === 0) return null;
  const average = (end: 0 | 1): number => own.reduce((sum, interval) => sum + interval![end], 0) / own.length;
  return [average(0), average(1)];
}

/** Whether the two arms' intervals are disjoint. */
function intervalsApart(key: RateKey, a: ArmSummary, b: ArmSummary): boolean {
  const [mine, theirs] = [armInterval(key, a), armInterval(key, b)];
  return mine !== null && theirs !== null && (mine[0] > theirs[1] || mine[1] < theirs[0]);
}

interface RateClaimOptions {
  readonly claim: string;
  readonly key: RateKey;
  readonly arm: ArmSummary;
  readonly against: ArmSummary;
  /** `higher`: the paper says it rises. `kept`: it says it does not fall. */
  readonly direction: 'higher' | 'kept';
}

function rateClaim(results: RunResults, options: RateClaimOptions): Claim {
  const { claim, key, arm, against, direction } = options;
  const [mine, theirs] = [arm.rates[key], against.rates[key]];
  if (mine === null || theirs === null) return { claim, measured: '–', reading: 'not measured' };
  const difference = mine - theirs;
  const { wins, seeds } = countWins(key, arm, against);
  const stated = findComparison(results, key, arm, against);
  const separated = stated?.interval
    ? stated.interval[0] > 0 || stated.interval[1] < 0
    : intervalsApart(key, arm, against);
  const interval = stated?.interval
    ? `, 95 % interval ${formatPoints(stated.interval[0], '')} to ${formatPoints(stated.interval[1], '')}`
    : '';
  const measured = `${rateLabels[key]} ${formatRate(theirs)} → ${formatRate(mine)} (${formatPoints(difference)}${interval}; higher in ${wins} of ${seeds} seeds)`;
  if (!separated) return { claim, measured, reading: 'not separated' };
  const holds = direction === 'higher' ? difference > 0 : difference >= 0;
  return { claim, measured, reading: holds ? 'in line' : 'not in line' };
}

/**
 * The paper's claims with what the run measured beside each, whichever way it came out.
 *
 * A difference of rates is called `not separated` unless its interval excludes zero or, where the run states
 * no interval of the difference, unless the arms' own intervals are disjoint (our choice; the stricter reading).
 */
export function readClaims(results: RunResults, arms: readonly ArmSummary[]): Claim[] {
  const find = (name: string): ArmSummary | undefined => arms.find(({ arm }) => arm === name);
  const token = find('ppo-token');
  if (!token) return [];
  const claims: Claim[] = [];
  for (const name of ['base', 'sft']) {
    const baseline = find(name);
    if (baseline) claims.push(findingsClaim(results, token, baseline));
  }
  for (const name of ['base', 'sft']) {
    const against = find(name);
    if (!against) continue;
    claims.push(
      rateClaim(results, {
        claim: `Function is kept or improved against ${armLabel(name)}`,
        key: 'functionalRate',
        arm: token,
        against,
        direction: 'kept',
      }),
    );
  }
  const rivals = {
    sft: 'Token-level rewards improve on SFT',
    'sft-more': 'Token-level rewards beat as many steps of more SFT (not a claim of the paper)',
    'ppo-instance': 'Token-level rewards beat one score per answer',
    'ppo-line': 'Token-level rewards beat line-level rewards',
  };
  for (const [name, claim] of Object.entries(rivals)) {
    const against = find(name);
    if (!against) continue;
    claims.push(
      rateClaim(results, {
        claim,
        key: 'secureAndFunctionalRate',
        arm: token,
        against,
        direction: 'higher',
      }),
    );
  }
  return claims;
}
