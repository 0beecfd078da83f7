import { html, type SafeHtml } from '../html/html.js';
import { armLabel } from '../internal/arms.js';
import { formatInterval, formatRate } from '../internal/format.js';
import {
  type ArmSummary,
  type RateKey,
  rateKeys,
  rateLabels,
  seriousFindings,
  severities,
} from '../internal/summarise-arms.js';

/** The highest mean of each rate, to mark it; none where arms tie or only one was measured. */
function bestByRate(arms: readonly ArmSummary[]): Map<RateKey, string> {
  const best = new Map<RateKey, string>();
  for (const key of rateKeys) {
    const rated = arms
      .filter(({ rates }) => rates[key] !== null)
      .sort((a, b) => b.rates[key]! - a.rates[key]!);
    if (rated.length > 1 && rated[0]!.rates[key]! > rated[1]!.rates[key]!) best.set(key, rated[0]!.arm);
  }
  return best;
}

function renderSeedRows(arms: readonly ArmSummary[]): SafeHtml {
  const rows = arms.flatMap(({ arm, seeds }) =>
    seeds.map(
      (seed) =>
        html`<tr><th scope="row">${armLabel(arm)}</th><td class="n">${seed.seed}</td><td class="n">${seed.n}</td>${rateKeys.map(
          (key) =>
            html`<td class="n">${formatRate(seed[key])} <small>${formatInterval(seed.intervals[key])}</small></td>`,
        )}<td class="n">${severities.map((severity) => seed.findings[severity] ?? 0).join(' / ')}</td></tr>`,
    ),
  );
  return html`<details><summary>Every seed, with 95 % bootstrap intervals</summary><div class="scroll"><table><thead><tr><th scope="col">Arm</th><th scope="col" class="n">Seed</th><th scope="col" class="n">n</th>${rateKeys.map((key) => html`<th scope="col" class="n">${rateLabels[key]}</th>`)}<th scope="col" class="n">Findings (critical / high / medium / low)</th></tr></thead><tbody>${rows}</tbody></table></div></details>`;
}

/** The table of arms: means over seeds, then every seed. */
export function renderArmsTable(arms: readonly ArmSummary[]): SafeHtml {
  const best = bestByRate(arms);
  const rows = arms.map((summary) => {
    const serious = seriousFindings(summary);
    return html`<tr><th scope="row">${armLabel(summary.arm)}</th><td class="n">${summary.seeds.length}</td><td class="n">${summary.samples}</td>${rateKeys.map(
      (key) => {
        const value = formatRate(summary.rates[key]);
        const pooled = formatInterval(summary.pooled[key]);
        return html`<td class="n">${best.get(key) === summary.arm ? html`<b>${value}</b>` : value}${pooled && html` <small>${pooled}</small>`}</td>`;
      },
    )}<td class="n">${serious === null ? '–' : serious.toFixed(1)}</td></tr>`;
  });
  return html`<section id="arms"><h2>Arms</h2>
<p class="note">Over all seeds, with 95 % intervals where the run states them; the highest in bold, which says nothing about whether it is separated from the next. Secure is a share of the answers that compile, secure and functional of all answers. A dash means not measured.</p>
<div class="scroll"><table><thead><tr><th scope="col">Arm</th><th scope="col" class="n">Seeds</th><th scope="col" class="n">Samples</th>${rateKeys.map((key) => html`<th scope="col" class="n">${rateLabels[key]}</th>`)}<th scope="col" class="n">High + medium per 100</th></tr></thead><tbody>${rows}</tbody></table></div>
${renderSeedRows(arms)}</section>`;
}
