/** `0.417` → `41.7 %`; an en dash where nothing was measured. */
export function formatRate(rate: number | null | undefined, digits = 1): string {
  return rate === null || rate === undefined ? '–' : `${(rate * 100).toFixed(digits)} %`;
}

/** `[0.32, 0.51]` → `32.0–51.0`. */
export function formatInterval(interval: readonly [number, number] | null | undefined): string {
  if (!interval) return '';
  return `${(interval[0] * 100).toFixed(1)}–${(interval[1] * 100).toFixed(1)}`;
}

/** A signed difference of rates in percentage points. */
export function formatPoints(difference: number, unit = ' points'): string {
  const points = (difference * 100).toFixed(1);
  return `${difference > 0 ? '+' : ''}${points.replace('-', '−')}${unit}`;
}

/** A signed relative change in per cent. */
export function formatChange(change: number): string {
  const percent = (change * 100).toFixed(0);
  return `${change > 0 ? '+' : ''}${percent.replace('-', '−')} %`;
}

/** A number in few digits, for hovers and axes. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  return Number(value.toPrecision(3)).toString().replace('-', '−');
}
