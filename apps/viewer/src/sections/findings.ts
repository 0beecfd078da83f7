import { html, type SafeHtml } from '../html/html.js';
import type { ArmSummary } from '../internal/summarise-arms.js';
import { severities } from '../internal/summarise-arms.js';
import { plotFindings } from '../plots/plot-findings.js';

/** Findings of the static analyzers by severity. */
export function renderFindings(arms: readonly ArmSummary[]): SafeHtml | null {
  const plot = plotFindings(arms);
  if (!plot) return null;
  const legend = severities
    .filter((severity) => arms.some(({ findings }) => (findings?.[severity] ?? 0) > 0))
    .map((severity) => html`<li><span class="swatch sev-${severity}"></span>${severity}</li>`);
  return html`<section id="findings"><h2>Findings by severity</h2>
<p class="note">What static analyzers report in the generated code. An analyzer sees patterns; the compiled drivers behind the secure rate see behaviour. The two can disagree.</p>
<ul class="legend">${legend}</ul><figure>${plot}</figure></section>`;
}
