import * as Plot from '@observablehq/plot';
import type { SafeHtml } from '../html/html.js';
import { armColors, armLabel } from '../internal/arms.js';
import { formatInterval, formatRate } from '../internal/format.js';
import { type ArmSummary, type RateKey, rateLabels } from '../internal/summarise-arms.js';
import { renderPlot } from './render-plot.js';

interface Mark {
  readonly arm: string;
  readonly label: string;
  readonly rate: number;
  readonly low: number;
  readonly high: number;
  /** Vertical offset in pixels, so that seeds do not hide each other. */
  readonly shift: number;
}

/** One mark per seed; their intervals only where the arm has none over all seeds. */
function seedMarks(arms: readonly ArmSummary[], key: RateKey): Mark[] {
  return arms.flatMap(({ arm, seeds, pooled }) =>
    seeds.flatMap((seed, at) => {
      const rate = seed[key];
      if (rate === null) return [];
      const own = seed.intervals[key];
      const [low, high] = pooled[key] || !own ? [rate, rate] : own;
      const label = `${armLabel(arm)}, seed ${seed.seed}: ${formatRate(rate)}${own ? ` (95 % ${formatInterval(own)})` : ''}`;
      return [{ arm: armLabel(arm), label, rate, low, high, shift: 9 * (at - (seeds.length - 1) / 2) }];
    }),
  );
}

function pooledMarks(arms: readonly ArmSummary[], key: RateKey): Mark[] {
  return arms.flatMap(({ arm, rates, pooled }) => {
    const [rate, interval] = [rates[key], pooled[key]];
    if (rate === null || !interval) return [];
    return [{ arm: armLabel(arm), label: '', rate, low: interval[0], high: interval[1], shift: 0 }];
  });
}

/** Axis end that leaves room for the label right of the longest mark. */
function axisEnd(values: readonly number[]): number {
  return Math.min(1.02, Math.ceil((Math.max(0.1, ...values) + 0.1) * 10) / 10);
}

function whiskers(marks: readonly Mark[], strokeWidth: number): Plot.Markish[] {
  return [...new Set(marks.map(({ shift }) => shift))].map((dy) =>
    Plot.ruleY(
      marks.filter((mark) => mark.shift === dy && mark.high > mark.low),
      { x1: 'low', x2: 'high', y: 'arm', dy, stroke: 'currentColor', strokeOpacity: 0.8, strokeWidth },
    ),
  );
}

function dots(marks: readonly Mark[], r: number): Plot.Markish[] {
  return [...new Set(marks.map(({ shift }) => shift))].map((dy) =>
    Plot.dot(
      marks.filter((mark) => mark.shift === dy),
      { x: 'rate', y: 'arm', dy, r, fill: 'currentColor', fillOpacity: 0.85, title: 'label' },
    ),
  );
}

/** A rate by arm: a bar over all seeds with its 95 % interval, one dot per seed. */
export function plotRates(arms: readonly ArmSummary[], key: RateKey): SafeHtml {
  const colors = armColors(arms.map(({ arm }) => arm));
  const seeds = seedMarks(arms, key);
  const pooled = pooledMarks(arms, key);
  const means = arms.flatMap(({ arm, rates }) =>
    rates[key] === null ? [] : [{ name: arm, arm: armLabel(arm), rate: rates[key]! }],
  );
  const fill = (d: { name: string }): string | undefined => colors.get(d.name);
  const reach = (arm: string): number =>
    Math.max(
      0,
      ...[...seeds, ...pooled]
        .filter((mark) => mark.arm === arm)
        .map((mark) => Math.max(mark.high, mark.rate)),
    );
  const percent = (value: number): string => `${Math.round(value * 100)} %`;
  return renderPlot(
    {
      width: 600,
      height: 44 + 46 * arms.length,
      marginLeft: 98,
      marginRight: 30,
      x: {
        domain: [0, axisEnd(arms.map(({ arm }) => reach(armLabel(arm))))],
        label: null,
        tickFormat: percent,
        grid: true,
        ticks: 6,
      },
      y: { domain: arms.map(({ arm }) => armLabel(arm)), label: null, padding: 0.28, tickSize: 0 },
      marks: [
        Plot.barX(means, { x: 'rate', y: 'arm', fill, fillOpacity: 0.3 }),
        Plot.tickX(means, { x: 'rate', y: 'arm', stroke: fill, strokeWidth: 3 }),
        ...whiskers(seeds, 1.25),
        ...whiskers(pooled, 2.5),
        ...dots(seeds, pooled.length > 0 ? 2.8 : 3.4),
        Plot.text(means, {
          x: (d: { arm: string; rate: number }) => Math.max(reach(d.arm), d.rate),
          y: 'arm',
          text: (d: { rate: number }) => formatRate(d.rate),
          textAnchor: 'start',
          dx: 8,
          fontWeight: 650,
          fontSize: 14,
          fill: 'currentColor',
        }),
        Plot.ruleX([0], { strokeOpacity: 0.5 }),
      ],
    },
    `${rateLabels[key]} by arm over all seeds: ${means.map(({ arm, rate }) => `${arm} ${formatRate(rate)}`).join('; ')}.`,
  );
}
