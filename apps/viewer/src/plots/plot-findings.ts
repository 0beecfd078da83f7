import * as Plot from '@observablehq/plot';
import type { SafeHtml } from '../html/html.js';
import { armLabel } from '../internal/arms.js';
import { type ArmSummary, severities } from '../internal/summarise-arms.js';
import { renderPlot } from './render-plot.js';

export const severityColors: Readonly<Record<(typeof severities)[number], string>> = {
  critical: 'var(--sev-critical)',
  high: 'var(--sev-high)',
  medium: 'var(--sev-medium)',
  low: 'var(--sev-low)',
};

/** Findings per 100 samples by arm, stacked by severity. Null when no arm has samples. */
export function plotFindings(arms: readonly ArmSummary[]): SafeHtml | null {
  const shown = severities.filter((severity) => arms.some(({ findings }) => (findings?.[severity] ?? 0) > 0));
  const rows = arms.flatMap(({ arm, findings }) =>
    findings === null
      ? []
      : shown.map((severity) => ({ arm: armLabel(arm), severity, count: findings[severity] })),
  );
  if (rows.length === 0) return null;
  const totals = arms.flatMap(({ arm, findings }) =>
    findings === null
      ? []
      : [{ arm: armLabel(arm), total: shown.reduce((sum, severity) => sum + findings[severity], 0) }],
  );
  return renderPlot(
    {
      width: 680,
      height: 56 + 32 * arms.length,
      marginLeft: 98,
      marginRight: 56,
      marginBottom: 40,
      x: { label: 'findings per 100 samples →', grid: true, ticks: 6 },
      y: { domain: arms.map(({ arm }) => armLabel(arm)), label: null, padding: 0.25, tickSize: 0 },
      color: { domain: [...shown], range: shown.map((severity) => severityColors[severity]) },
      marks: [
        Plot.barX(rows, {
          x: 'count',
          y: 'arm',
          fill: 'severity',
          order: [...shown],
          stroke: 'var(--page)',
          title: (d: (typeof rows)[number]) =>
            `${d.arm}: ${d.count.toFixed(1)} ${d.severity} per 100 samples`,
        }),
        Plot.text(totals, {
          x: 'total',
          y: 'arm',
          text: (d: { total: number }) => d.total.toFixed(1),
          textAnchor: 'start',
          dx: 6,
          fontWeight: 600,
          fontSize: 13,
        }),
        Plot.ruleX([0], { strokeOpacity: 0.5 }),
      ],
    },
    `Findings per 100 samples by arm: ${totals.map(({ arm, total }) => `${arm} ${total.toFixed(1)}`).join('; ')}.`,
  );
}
