import { html, type SafeHtml } from '../html/html.js';
import { armColors, armLabel, orderArms } from '../internal/arms.js';
import { plotCurve } from '../plots/plot-curves.js';
import type { Curve } from '../report-input.js';

const stageOrder = ['pretrain', 'sft', 'ppo', 'grpo'];
/** Metrics shown at once; the others sit behind a click. */
const mainMetric =
  /^(?:loss|policyLoss|validationLoss|evalLoss|reward|meanReward|rewardMean|kl|klMean|meanKl)$/i;
/** Charts per stage; more than this is a table's work, and the file has a ceiling. */
const MAX_CHARTS = 24;

/** Reward before KL before loss. */
const metricRank = (metric: string): number =>
  /reward/i.test(metric) ? 0 : /kl/i.test(metric) ? 1 : /loss/i.test(metric) ? 2 : 3;

const stageRank = (stage: string): number => {
  const at = stageOrder.indexOf(stage);
  return at === -1 ? stageOrder.length : at;
};

function renderChart(curves: readonly Curve[], stage: string, metric: string): SafeHtml {
  const own = curves.filter((curve) => curve.metric === metric);
  return html`<figure class="small"><figcaption>${metric}</figcaption>${plotCurve(own, metric, stage)}</figure>`;
}

function renderStage(curves: readonly Curve[], stage: string): SafeHtml {
  const own = curves.filter((curve) => curve.stage === stage && curve.points.length > 0);
  const metrics = [...new Set(own.map(({ metric }) => metric))].sort(
    (a, b) => metricRank(a) - metricRank(b) || (a < b ? -1 : 1),
  );
  const main = metrics.filter((metric) => mainMetric.test(metric));
  const shown = main.length > 0 ? main : metrics.slice(0, 3);
  const others = metrics.filter((metric) => !shown.includes(metric)).slice(0, MAX_CHARTS);
  const arms = orderArms(own.map(({ arm }) => arm));
  const colors = armColors(arms);
  const legend = arms.map(
    (arm) =>
      html`<li><span class="swatch" style="background:${colors.get(arm)}"></span>${armLabel(arm)}</li>`,
  );
  return html`<div class="stage${shown.length > 1 ? ' wide' : ''}"><h3>${stage}</h3><ul class="legend">${legend}</ul><div class="charts">${shown.map((metric) => renderChart(own, stage, metric))}</div>
${others.length > 0 && html`<details><summary>${others.length} more metric${others.length === 1 ? '' : 's'} of ${stage}</summary><div class="charts">${others.map((metric) => renderChart(own, stage, metric))}</div></details>`}</div>`;
}

/** Learning curves by stage: loss, reward, KL first. */
export function renderCurves(curves: readonly Curve[]): SafeHtml | null {
  const stages = [
    ...new Set(curves.filter(({ points }) => points.length > 0).map(({ stage }) => stage)),
  ].sort((a, b) => stageRank(a) - stageRank(b) || (a < b ? -1 : 1));
  if (stages.length === 0) return null;
  return html`<section id="curves"><h2>Learning curves</h2>
<p class="note">Thin lines are seeds, heavy lines their mean. Rewards of different arms are placed differently but carry the same mass, so their totals can be compared; KL is against the arm’s own reference model.</p>
<div class="stages">${stages.map((stage) => renderStage(curves, stage))}</div></section>`;
}
