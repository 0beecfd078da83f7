import * as Plot from '@observablehq/plot';
import type { SafeHtml } from '../html/html.js';
import { armColors, armLabel, orderArms } from '../internal/arms.js';
import { formatNumber } from '../internal/format.js';
import type { Curve } from '../report-input.js';
import { renderPlot } from './render-plot.js';

interface Point {
  readonly arm: string;
  readonly seed: number;
  readonly step: number;
  readonly value: number;
}

/** Buckets along the steps over which seeds are averaged: seeds may log at different steps. */
const MEAN_BUCKETS = 40;

/** The mean over seeds in equal buckets of steps, per arm; drawn only where an arm has several seeds. */
function meanLines(points: readonly Point[]): Point[] {
  const last = Math.max(1, ...points.map(({ step }) => step));
  const sums = new Map<string, { arm: string; step: number; sum: number; steps: number; count: number }>();
  for (const point of points) {
    const bucket = Math.min(MEAN_BUCKETS - 1, Math.floor((point.step / last) * MEAN_BUCKETS));
    const key = JSON.stringify([point.arm, bucket]);
    const entry = sums.get(key) ?? { arm: point.arm, step: 0, sum: 0, steps: 0, count: 0 };
    entry.sum += point.value;
    entry.steps += point.step;
    entry.count++;
    sums.set(key, entry);
  }
  return [...sums.values()]
    .map(({ arm, sum, steps, count }) => ({ arm, seed: -1, step: steps / count, value: sum / count }))
    .sort((a, b) => a.step - b.step);
}

/** One metric over the steps of one stage: a thin line per arm and seed, a heavy one for the mean of an arm's seeds. */
export function plotCurve(curves: readonly Curve[], metric: string, stage: string): SafeHtml {
  const arms = orderArms(curves.map(({ arm }) => arm));
  const colors = armColors(arms);
  const points = curves.flatMap(({ arm, seed, points: steps }) =>
    steps.map(([step, value]) => ({ arm, seed, step, value })),
  );
  const stroke = (d: Point): string | undefined => colors.get(d.arm);
  const severalSeeds = new Set(curves.map(({ seed }) => seed)).size > 1;
  const lastMean = arms.map((arm) => {
    const ends = curves
      .filter((curve) => curve.arm === arm)
      .map(({ points: steps }) => steps.at(-1)?.[1] ?? Number.NaN);
    return `${armLabel(arm)} ends at ${formatNumber(ends.reduce((sum, value) => sum + value, 0) / ends.length)}`;
  });
  return renderPlot(
    {
      width: 380,
      height: 220,
      marginLeft: 52,
      marginBottom: 36,
      marginTop: 16,
      marginRight: 14,
      x: { label: 'step →', ticks: 5 },
      y: {
        label: null,
        grid: true,
        ticks: 5,
        nice: true,
        tickFormat: (value: number) => formatNumber(value),
      },
      marks: [
        Plot.line(points, {
          x: 'step',
          y: 'value',
          z: (d: Point) => `${d.arm} ${d.seed}`,
          stroke,
          strokeWidth: severalSeeds ? 1 : 2,
          strokeOpacity: severalSeeds ? 0.35 : 1,
        }),
        ...(severalSeeds
          ? [Plot.line(meanLines(points), { x: 'step', y: 'value', z: 'arm', stroke, strokeWidth: 2.4 })]
          : []),
      ],
    },
    `${metric} over the steps of ${stage}. ${lastMean.join('; ')}.`,
  );
}
