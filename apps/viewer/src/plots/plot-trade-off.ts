import * as Plot from '@observablehq/plot';
import type { SafeHtml } from '../html/html.js';
import { armColors, armLabel } from '../internal/arms.js';
import type { ArmSummary } from '../internal/summarise-arms.js';
import { renderPlot } from './render-plot.js';

interface Spot {
  readonly arm: string;
  readonly x: number;
  readonly y: number;
}

const HEIGHT = 310;
const MARGIN_TOP = 28;
const MARGIN_BOTTOM = 44;
/** Labels closer than this above one another would touch. */
const LABEL_GAP = 15;

/** Offset in pixels of each label from its ring, so that labels of level rings stand apart and inside the plot; by arm. */
function placeLabels(spots: readonly Spot[], [low, high]: readonly [number, number]): Map<string, number> {
  const inner = HEIGHT - MARGIN_TOP - MARGIN_BOTTOM;
  const pixel = (y: number): number => ((high - y) / (high - low)) * inner;
  const sorted = [...spots].sort((a, b) => b.y - a.y || a.x - b.x);
  const heights: number[] = [];
  for (const { y } of sorted)
    heights.push(Math.max(pixel(y), (heights.at(-1) ?? Number.NEGATIVE_INFINITY) + LABEL_GAP));
  let limit = inner - 4;
  for (let i = heights.length - 1; i >= 0; i--) {
    heights[i] = Math.min(heights[i]!, limit);
    limit = heights[i]! - LABEL_GAP;
  }
  return new Map(sorted.map((spot, i) => [spot.arm, heights[i]! - pixel(spot.y)]));
}

/** Functional against secure, one dot per seed, a ring at each arm: up and to the right is better on both. */
export function plotTradeOff(arms: readonly ArmSummary[]): SafeHtml | null {
  const colors = armColors(arms.map(({ arm }) => arm));
  const spot = (arm: string, x: number | null, y: number | null): Spot[] =>
    x === null || y === null ? [] : [{ arm, x, y }];
  const seeds = arms.flatMap(({ arm, seeds: own }) =>
    own.flatMap((seed) => spot(arm, seed.functionalRate, seed.secureRate)),
  );
  const means = arms.flatMap(({ arm, rates }) => spot(arm, rates.functionalRate, rates.secureRate));
  if (means.length === 0) return null;
  const fill = (d: Spot): string | undefined => colors.get(d.arm);
  const bounds = (key: 'x' | 'y'): [number, number] => {
    const values = [...seeds, ...means].map((d) => d[key]);
    return [Math.max(0, Math.min(...values) - 0.08), Math.min(1, Math.max(...values) + 0.08)];
  };
  const [xDomain, yDomain] = [bounds('x'), bounds('y')];
  const offsets = placeLabels(means, yDomain);
  const percent = (value: number): string => `${Math.round(value * 100)} %`;
  return renderPlot(
    {
      width: 380,
      height: HEIGHT,
      marginLeft: 56,
      marginBottom: MARGIN_BOTTOM,
      marginTop: MARGIN_TOP,
      marginRight: 84,
      x: { domain: xDomain, label: 'Functional →', tickFormat: percent, ticks: 5, grid: true },
      y: { domain: yDomain, label: '↑ Secure', tickFormat: percent, ticks: 6, grid: true },
      marks: [
        ...means.map((d) =>
          Plot.text([d], {
            x: 'x',
            y: 'y',
            text: () => armLabel(d.arm),
            dx: 13,
            dy: offsets.get(d.arm) ?? 0,
            textAnchor: 'start',
            fontWeight: 650,
            fill,
            stroke: 'var(--page)',
            strokeWidth: 4,
          }),
        ),
        Plot.dot(seeds, { x: 'x', y: 'y', r: 3.5, fill, fillOpacity: 0.5 }),
        Plot.dot(means, { x: 'x', y: 'y', r: 7, stroke: fill, strokeWidth: 2.5, fill: 'none' }),
      ],
    },
    `Functional against secure rate by arm: ${means.map((d) => `${armLabel(d.arm)} ${percent(d.x)} functional, ${percent(d.y)} secure`).join('; ')}.`,
  );
}
