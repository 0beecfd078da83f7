import * as Plot from '@observablehq/plot';
import type { SafeHtml } from '../html/html.js';
import { armColors, armLabel } from '../internal/arms.js';
import { formatInterval, formatRate } from '../internal/format.js';
import { type ArmSummary, type RateKey, rateLabels } from '../internal/summarise-arms.js';
import { renderPlot } from './render-plot.js';

interface SeedMark {
  readonly arm: string;
  readonly seed: number;
  readonly rate: number;
  readonly low: number;
  readonly high: number;
  /** Vertical offset in pixels, so that seeds do not hide each other. */
  readonly shift: number;
}

function seedMarks(arms: readonly ArmSummary[], key: RateKey): SeedMark[] {
  return arms.flatMap(({ arm, seeds }) =>
    seeds.flatMap((seed, at) => {
      const rate = seed[key];
      if (rate === null) return [];
      const [low, high] = seed.intervals[key] ?? [rate, rate];
      return [
        { arm: armLabel(arm), seed: seed.seed, rate, low, high, shift: 9 * (at - (seeds.length - 1) / 2) },
      ];
    }),
  );
}

/** Axis end that leaves room for the label right of the longest mark. */
function axisEnd(values: readonly number[]): number {
  return Math.min(1.02, Math.ceil((Math.max(0.1, ...values) + 0.1) * 10) / 10);
}

/** A rate by arm: a bar at the mean over seeds, one dot per seed with its bootstrap interval. */
export function plotRates(arms: readonly ArmSummary[], key: RateKey): SafeHtml {
  const colors = armColors(arms.map(({ arm }) => arm));
  const marks = seedMarks(arms, key);
  const means = arms.flatMap(({ arm, rates }) =>
    rates[key] === null ? [] : [{ name: arm, arm: armLabel(arm), rate: rates[key]! }],
  );
  const shifts = [...new Set(marks.map(({ shift }) => shift))];
  const reach = (arm: string): number =>
    Math.max(0, ...marks.filter((mark) => mark.arm === arm).map((mark) => Math.max(mark.high, mark.rate)));
  const end = axisEnd(arms.map(({ arm }) => reach(armLabel(arm))));
  return renderPlot(
    {
      width: 720,
      height: 56 + 52 * arms.length,
      marginLeft: 110,
      marginRight: 64,
      x: {
        domain: [0, end],
        label: null,
        tickFormat: (value: number) => `${Math.round(value * 100)} %`,
        grid: true,
        ticks: 6,
      },
      y: { domain: arms.map(({ arm }) => armLabel(arm)), label: null, padding: 0.28, tickSize: 0 },
      marks: [
        Plot.barX(means, {
          x: 'rate',
          y: 'arm',
          fill: (d: { name: string }) => colors.get(d.name),
          fillOpacity: 0.3,
        }),
        Plot.tickX(means, {
          x: 'rate',
          y: 'arm',
          stroke: (d: { name: string }) => colors.get(d.name),
          strokeWidth: 3,
        }),
        ...shifts.map((shift) =>
          Plot.ruleY(
            marks.filter((mark) => mark.shift === shift),
            {
              x1: 'low',
              x2: 'high',
              y: 'arm',
              dy: shift,
              stroke: 'currentColor',
              strokeOpacity: 0.75,
              strokeWidth: 1.25,
            },
          ),
        ),
        ...shifts.map((shift) =>
          Plot.dot(
            marks.filter((mark) => mark.shift === shift),
            {
              x: 'rate',
              y: 'arm',
              dy: shift,
              r: 3.4,
              fill: 'currentColor',
              title: (d: SeedMark) =>
                `${d.arm}, seed ${d.seed}: ${formatRate(d.rate)} (95 % ${formatInterval([d.low, d.high])})`,
            },
          ),
        ),
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
    `${rateLabels[key]} by arm, mean over seeds: ${means.map(({ arm, rate }) => `${arm} ${formatRate(rate)}`).join('; ')}.`,
  );
}

/** Functional against secure, one dot per seed, a ring at each arm's mean: up and to the right is better on both. */
export function plotTradeOff(arms: readonly ArmSummary[]): SafeHtml | null {
  const colors = armColors(arms.map(({ arm }) => arm));
  const dots = arms.flatMap(({ arm, seeds }) =>
    seeds.flatMap(({ seed, functionalRate, secureRate }) =>
      functionalRate === null || secureRate === null ? [] : [{ arm, seed, x: functionalRate, y: secureRate }],
    ),
  );
  const means = arms.flatMap(({ arm, rates }) =>
    rates.functionalRate === null || rates.secureRate === null
      ? []
      : [{ arm, x: rates.functionalRate, y: rates.secureRate }],
  );
  if (means.length === 0) return null;
  const fill = (d: { arm: string }): string | undefined => colors.get(d.arm);
  const bounds = (key: 'x' | 'y'): [number, number] => {
    const values = [...dots, ...means].map((d) => d[key]);
    return [Math.max(0, Math.min(...values) - 0.08), Math.min(1, Math.max(...values) + 0.08)];
  };
  const percent = (value: number): string => `${Math.round(value * 100)} %`;
  return renderPlot(
    {
      width: 420,
      height: 340,
      marginLeft: 56,
      marginBottom: 44,
      marginTop: 28,
      marginRight: 24,
      x: { domain: bounds('x'), label: 'Functional →', tickFormat: percent, ticks: 5, grid: true },
      y: { domain: bounds('y'), label: '↑ Secure', tickFormat: percent, ticks: 6, grid: true },
      marks: [
        Plot.dot(dots, {
          x: 'x',
          y: 'y',
          r: 4,
          fill,
          fillOpacity: 0.55,
          title: (d: (typeof dots)[number]) => `${armLabel(d.arm)}, seed ${d.seed}`,
        }),
        Plot.dot(means, { x: 'x', y: 'y', r: 8, stroke: fill, strokeWidth: 2.5, fill: 'none' }),
        Plot.text(means, {
          x: 'x',
          y: 'y',
          text: (d: { arm: string }) => armLabel(d.arm),
          dy: -16,
          fontWeight: 600,
          fill,
        }),
      ],
    },
    `Functional against secure rate by arm: ${means.map((d) => `${armLabel(d.arm)} ${percent(d.x)} functional, ${percent(d.y)} secure`).join('; ')}.`,
  );
}
