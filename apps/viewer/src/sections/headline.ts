import { html, type SafeHtml } from '../html/html.js';
import { armLabel } from '../internal/arms.js';
import { formatPoints, formatRate } from '../internal/format.js';
import { type Claim, readClaims } from '../internal/read-claims.js';
import { type ArmSummary, seriousFindings } from '../internal/summarise-arms.js';
import { plotRates } from '../plots/plot-rates.js';
import { plotTradeOff } from '../plots/plot-trade-off.js';
import type { RunResults } from '../schemas.js';

/** `a`, `a and b`, `a, b and c`. */
const joinNames = (names: readonly string[]): string =>
  names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

/** The sentence that leads the report: best arm and token-level arm, whichever way it came out. */
export function describeOutcome(arms: readonly ArmSummary[]): string {
  const rated = arms.filter(({ rates }) => rates.secureAndFunctionalRate !== null);
  if (rated.length === 0) return 'No arm has a measured secure-and-functional rate.';
  const rate = ({ rates }: ArmSummary): number => rates.secureAndFunctionalRate!;
  const highest = Math.max(...rated.map(rate));
  if (highest === 0) return 'No answer of any arm was both secure and functional.';
  const best = rated.filter((arm) => rate(arm) === highest);
  const names = joinNames(best.map(({ arm }) => armLabel(arm)));
  let outcome = `${names} ${best.length === 1 ? 'is' : 'are'} highest with ${formatRate(highest)} of the answers secure and functional`;
  const base = rated.find(({ arm }) => arm === 'base');
  if (base && !best.includes(base))
    outcome += `, ${formatPoints(highest - rate(base))} on ${armLabel('base')}`;
  const token = rated.find(({ arm }) => arm === 'ppo-token');
  if (token && !best.includes(token))
    outcome += `. ${armLabel('ppo-token')} comes to ${formatRate(rate(token))}, ${formatPoints(rate(token) - highest)} from it`;
  return `${outcome}.`;
}

const readingClass: Readonly<Record<Claim['reading'], string>> = {
  'in line': 'yes',
  'not in line': 'no',
  'not separated': 'open',
  'not measured': 'open',
};
const readingSign: Readonly<Record<Claim['reading'], string>> = {
  'in line': '✓',
  'not in line': '✗',
  'not separated': '≈',
  'not measured': '–',
};

function renderClaims(claims: readonly Claim[]): SafeHtml | null {
  if (claims.length === 0) return null;
  return html`<h3>The paper’s claims and this run</h3>
<div class="scroll"><table class="claims"><thead><tr><th scope="col">Claim</th><th scope="col">Measured here</th><th scope="col">Reading</th></tr></thead>
<tbody>${claims.map(
    ({ claim, measured, reading }) =>
      html`<tr><th scope="row">${claim}</th><td>${measured}</td><td><span class="reading ${readingClass[reading]}"><span aria-hidden="true">${readingSign[reading]}</span> ${reading}</span></td></tr>`,
  )}</tbody></table></div>
<p class="note">“Not separated”: the interval of the difference includes zero or, where the run states none, the arms’ own intervals overlap. More seeds or samples could decide it either way.</p>`;
}

function renderTiles(arms: readonly ArmSummary[]): SafeHtml {
  const tiles = arms.map((summary) => {
    const serious = seriousFindings(summary);
    return html`<div class="tile ${summary.arm === 'ppo-token' ? 'focus' : ''}"><span class="tile-name">${armLabel(summary.arm)}</span><strong>${formatRate(summary.rates.secureAndFunctionalRate, 1)}</strong><span>functional ${formatRate(summary.rates.functionalRate)}</span><span>secure ${formatRate(summary.rates.secureRate)}</span><span>${serious === null ? '–' : serious.toFixed(1)} high + medium / 100</span></div>`;
  });
  return html`<div class="tiles">${tiles}</div>`;
}

/** What the bars, whiskers and dots of the headline figure are. */
function describeMarks(arms: readonly ArmSummary[]): string {
  const seeds = Math.max(0, ...arms.map((arm) => arm.seeds.length));
  const over = `over ${seeds} seed${seeds === 1 ? '' : 's'}`;
  const pooled = arms.some((arm) => arm.pooled.secureAndFunctionalRate);
  return pooled
    ? `Bar and whisker: ${over}, with the 95 % bootstrap interval. Dots: seeds.`
    : `Bar: mean ${over}. Dots: seeds, with 95 % bootstrap intervals.`;
}

/** The headline: secure and functional on the same task, by arm. */
export function renderHeadline(results: RunResults, arms: readonly ArmSummary[]): SafeHtml {
  const tradeOff = plotTradeOff(arms);
  const byRules = arms.some((arm) => arm.byRules);
  return html`<section id="headline"><h2>Secure and functional</h2><p class="lead">${describeOutcome(arms)}</p>
${byRules && html`<p class="warn">No compiled driver decided here: analyzer rules stood in for it, so “secure” means “no rule matched”.</p>`}${renderTiles(arms)}
<div class="figures"><figure><figcaption>Secure <em>and</em> functional on the same task. ${describeMarks(arms)}</figcaption>${plotRates(arms, 'secureAndFunctionalRate')}</figure>
${tradeOff && html`<figure><figcaption>Security against function. Rings: over all seeds. Dots: seeds.</figcaption>${tradeOff}</figure>`}</div>
${renderClaims(readClaims(results, arms))}</section>`;
}
