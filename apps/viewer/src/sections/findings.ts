import { html, type SafeHtml } from '../html/html.js';
import { armLabel } from '../internal/arms.js';
import { type ArmSummary, seriousFindings, severities } from '../internal/summarise-arms.js';
import { plotFindings } from '../plots/plot-findings.js';

/** High and medium findings by analyzer: the one that shaped a reward is never the only judge. */
function renderAnalyzers(arms: readonly ArmSummary[]): SafeHtml | null {
  const names = [
    ...new Set(arms.flatMap(({ findingsByAnalyzer }) => Object.keys(findingsByAnalyzer))),
  ].sort();
  if (names.length === 0) return null;
  const rows = arms.map(
    ({ arm, findingsByAnalyzer }) =>
      html`<tr><th scope="row">${armLabel(arm)}</th>${names.map((name) => {
        const serious = seriousFindings({ findings: findingsByAnalyzer[name] ?? null });
        return html`<td class="n">${serious === null ? '–' : serious.toFixed(1)}</td>`;
      })}</tr>`,
  );
  return html`<h3>High and medium per 100 samples, by analyzer</h3><div class="scroll"><table><thead><tr><th scope="col">Arm</th>${names.map((name) => html`<th scope="col" class="n">${name}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** Findings of the static analyzers by severity. */
export function renderFindings(arms: readonly ArmSummary[]): SafeHtml | null {
  const plot = plotFindings(arms);
  if (!plot) return null;
  const legend = severities
    .filter((severity) => arms.some(({ findings }) => (findings?.[severity] ?? 0) > 0))
    .map((severity) => html`<li><span class="swatch sev-${severity}"></span>${severity}</li>`);
  return html`<section id="findings"><h2>Findings by severity</h2>
<p class="note">What static analyzers report in the generated code. An analyzer sees patterns; the compiled drivers behind the secure rate see behaviour. The two can disagree.</p>
<ul class="legend">${legend}</ul><figure>${plot}</figure>${renderAnalyzers(arms)}</section>`;
}
