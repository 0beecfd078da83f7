import { RewardInputError } from './errors.js';
import { assertTokenOffsets, type TokenOffsets } from './map-spans-to-tokens.js';

/** A stretch of text with one reward, for drawing. */
export interface HeatMapSegment {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** Reward of the token that this text belongs to; 0 for text that no token covers. */
  readonly value: number;
  /** value / max |value|, in [−1, 1]. */
  readonly intensity: number;
}

/**
 * The text cut into stretches of equal reward, in order and without gaps, neighbours of equal value joined.
 * @throws RewardInputError when offsets and values differ in length or offsets are not spans of the text
 */
export function heatMapSegments(
  text: string,
  offsets: TokenOffsets,
  values: ArrayLike<number>,
): HeatMapSegment[] {
  if (offsets.length !== values.length) {
    throw new RewardInputError({
      code: 'REWARDS_LENGTH_MISMATCH',
      message: `Expected as many values as token offsets (${offsets.length}), got ${values.length}.`,
    });
  }
  assertTokenOffsets(offsets, text.length);
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]!));
  const segments: HeatMapSegment[] = [];
  let at = 0;
  const push = (end: number, value: number): void => {
    if (end <= at) return;
    const previous = segments.at(-1);
    const start = previous?.value === value ? segments.pop()!.start : at;
    const intensity = largest === 0 ? 0 : value / largest;
    segments.push({ start, end, text: text.slice(start, end), value, intensity });
    at = end;
  };
  for (const [i, [start, end]] of offsets.entries()) {
    push(start, 0);
    push(end, values[i]!);
  }
  push(text.length, 0);
  return segments;
}

const ESCAPE = '\u001b[';
const RESET = `${ESCAPE}0m`;

export interface AnsiHeatMapOptions {
  /** False marks rewards as [+…] and [-…] instead of colour. Default true. */
  readonly color?: boolean;
}

/**
 * The text with rewards as background colour, green for positive and red for negative, for a 24-bit terminal.
 *
 * Control characters of the text are shown as ␛-like symbols: it may come from a model and must not drive the terminal.
 */
export function renderAnsiHeatMap(
  text: string,
  offsets: TokenOffsets,
  values: ArrayLike<number>,
  options: AnsiHeatMapOptions = {},
): string {
  const color = options.color ?? true;
  return heatMapSegments(text, offsets, values)
    .map((segment) => {
      const shown = showControls(segment.text);
      if (segment.value === 0 || segment.intensity === 0) return shown;
      if (!color) return `[${segment.value > 0 ? '+' : '-'}${shown}]`;
      const paint = paintOf(segment.intensity);
      // A colour that runs over a line break fills the rest of the line in some terminals.
      return shown
        .split('\n')
        .map((line) => (line === '' ? '' : `${paint}${line}${RESET}`))
        .join('\n');
    })
    .join('');
}

function paintOf(intensity: number): string {
  const strength = Math.round(60 + 140 * Math.min(1, Math.abs(intensity)));
  const background = intensity > 0 ? `0;${strength};0` : `${strength};0;0`;
  return `${ESCAPE}48;2;${background}m${ESCAPE}38;2;255;255;255m`;
}

/** C0 controls but tab and line feed, DEL and C1 controls as visible symbols. */
function showControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the purpose
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (char) => {
    const code = char.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : '\u2421';
  });
}
