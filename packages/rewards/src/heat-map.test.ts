import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RewardInputError } from './errors.js';
import { explainRewards } from './explain-rewards.js';
import { heatMapSegments, renderAnsiHeatMap } from './heat-map.js';
import { examplePairs } from './testing/index.js';

describe('heatMapSegments', () => {
  it('cuts the text without gaps, whatever the offsets', () => {
    const steps = fc.array(fc.tuple(fc.nat(2), fc.nat(4), fc.integer({ min: -2, max: 2 })), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(steps, (parts) => {
        let at = 0;
        const offsets = parts.map(([skip, length]): [number, number] => {
          const start = at + skip;
          at = start + length;
          return [start, at];
        });
        const text = 'abcdefghij'.repeat(10);
        const segments = heatMapSegments(
          text,
          offsets,
          parts.map(([, , value]) => value),
        );
        expect(segments.map((segment) => segment.text).join('')).toBe(text);
        for (const [i, segment] of segments.entries()) {
          expect(Math.abs(segment.intensity)).toBeLessThanOrEqual(1);
          if (i > 0) expect(segment.value).not.toBe(segments[i - 1]!.value);
        }
      }),
    );
  });

  it('refuses values and offsets that do not fit', () => {
    expect(() => heatMapSegments('ab', [[0, 1]], [1, 2])).toThrow(RewardInputError);
    expect(() => heatMapSegments('ab', [[0, 5]], [1])).toThrow(RewardInputError);
  });
});

describe('renderAnsiHeatMap', () => {
  it('paints rewards green and penalties red, stronger for larger ones, line by line', () => {
    const shown = renderAnsiHeatMap(
      'ab\nc d',
      [
        [0, 4],
        [5, 6],
      ],
      [1, -0.5],
    );
    expect(shown).toMatchInlineSnapshot(
      `"\u001b[48;2;0;200;0m\u001b[38;2;255;255;255mab\u001b[0m\n\u001b[48;2;0;200;0m\u001b[38;2;255;255;255mc\u001b[0m \u001b[48;2;130;0;0m\u001b[38;2;255;255;255md\u001b[0m"`,
    );
    expect(
      renderAnsiHeatMap(
        'ab cd',
        [
          [0, 2],
          [3, 5],
        ],
        [1, -1],
        { color: false },
      ),
    ).toBe('[+ab] [-cd]');
  });

  it('lets no control character of the text reach the terminal', () => {
    const hostile = 'a\u001b[2Jb\u0007\u009bc\r\td';
    const shown = renderAnsiHeatMap(hostile, [[0, hostile.length]], [0]);
    expect(shown).toBe('a\u241b[2Jb\u2407\u2421c\u240d\td');
  });
});

describe('explainRewards', () => {
  it('joins the tokens of a hunk into spans and says why', () => {
    const { insertion } = examplePairs;
    const { spans, hunks, total } = explainRewards(insertion, insertion.secure);
    expect(spans.map(({ start, end }) => insertion.secure.slice(start, end))).toEqual([
      'if (index < 0 || index >= count) return -1;',
    ]);
    expect(total).toBeCloseTo(1, 9);
    expect(hunks[0]!.sentence).toBe(
      'The answer follows the secure version here (secure 1.00, vulnerable 0.00).',
    );
    expect(explainRewards(insertion, insertion.vulnerable).hunks[0]!.sentence).toMatch(
      /^What the fix adds is missing/,
    );
    expect(explainRewards(insertion, '').hunks[0]!.sentence).toBe(
      'Nothing of this place occurs in the answer.',
    );
  });
});
