import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { type ReportInput, type RolloutLine, renderMarkdownReport, renderReport } from '../src/index.js';
import { buildResults, cutTokens } from './build-run-fixture.js';

const attacks = [
  '</script><script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '"><svg onload=alert(1)>',
  "' onmouseover='alert(1)",
  '</style><style>*{display:none}',
  '</pre></article></main><h1>Secure: 100 %</h1>',
  '<!--',
  ']]><iframe src="https://example.org">',
  '&lt;b&gt;',
  'javascript:alert(1)',
  '`$' + '{alert(1)}`',
];
const bomb = attacks.join('\n');

function hostileRollout(index: number): RolloutLine {
  const completion = `int f(void)\n{ ${bomb} }`;
  const tokenOffsets = cutTokens(completion);
  return {
    step: index,
    pairId: bomb,
    rollout: {
      id: bomb,
      sourceId: bomb,
      prompt: bomb,
      completion,
      tokenIds: tokenOffsets.map(() => 0),
      tokenOffsets,
      logProbs: null,
    },
    rewards: {
      rolloutId: bomb,
      strategy: bomb,
      values: tokenOffsets.map((_, i) => (i % 2 === 0 ? 0.1 : -0.1)),
      spans: [
        { start: 0, end: completion.length, side: 'secure', hunk: 0, value: 1, score: 1, reason: bomb },
      ],
      total: 0,
    },
  };
}

/** Hostile text in every place that a file can put text. */
function hostileInput(): ReportInput {
  const results = buildResults();
  const arm = attacks[1]!.slice(0, 80);
  results.arms.push({ ...results.arms[0]!, arm, findingsByAnalyzer: { [bomb]: results.arms[0]!.findings } });
  const manifest = {
    ...results.manifest!,
    command: bomb,
    synthetic: attacks,
    options: { [bomb]: bomb },
    versions: { [bomb]: bomb },
    inputs: { [bomb]: { path: bomb, sha256: bomb } },
  };
  return {
    name: bomb,
    results: { ...results, preset: bomb, backend: { name: bomb }, teacher: bomb, manifest },
    manifest,
    curves: [
      {
        arm,
        seed: 1,
        stage: bomb,
        metric: bomb,
        points: [
          [0, 1],
          [1, 2],
        ],
      },
    ],
    rollouts: [
      { arm, seed: 1, total: 2, shown: [hostileRollout(0), hostileRollout(1)] },
      { arm: 'ppo-token', seed: 1, total: 1, shown: [hostileRollout(2)] },
    ],
    families: [
      {
        split: bomb,
        family: bomb,
        arm,
        samples: 1,
        measured: 1,
        secureAndFunctional: 1,
        functional: 1,
        secure: 1,
      },
    ],
    pairs: {
      total: 1,
      shown: [
        {
          id: bomb,
          project: bomb,
          cwe: [bomb],
          cve: bomb,
          split: bomb,
          vulnerable: bomb,
          secure: `${bomb}\nreturn;`,
          prompts: [{ style: bomb, text: bomb }],
          rootCause: bomb,
          confidence: 0.5,
          rounds: 1,
          teacher: { model: bomb, replayed: true },
          verdict: { accepted: false, reasons: attacks },
        },
      ],
    },
    validation: { accepted: 1, rejected: 1, reasons: { [bomb]: 1, __proto__: 1 } },
    missing: [{ part: bomb, problem: bomb }],
  };
}

describe('renderReport on hostile content', () => {
  const page = renderReport(hostileInput(), { title: bomb });
  const { document } = parseHTML(page);

  it('has one script and no element or handler that the content asked for', () => {
    expect([...page.matchAll(/<script/gi)]).toHaveLength(1);
    expect(page).not.toMatch(/<(?:img|iframe|object|embed|link|base|form)\b/i);
    for (const element of document.querySelectorAll('*'))
      for (const { name, value } of element.attributes) {
        expect(name.toLowerCase().startsWith('on')).toBe(false);
        if (name === 'href' || name === 'src') expect(value).toMatch(/^#/);
      }
    // The document's own style sheet and those that Plot puts into its figures.
    expect(
      [...document.querySelectorAll('style')].some((style) => style.textContent.includes('*{display:none}')),
    ).toBe(false);
    expect([...document.querySelectorAll('h1')]).toHaveLength(1);
    expect(page).not.toContain('<!--');
  });

  it('shows the content as text', () => {
    const codes = [...document.querySelectorAll('#heat-maps pre')].map((pre) => pre.textContent);
    expect(codes[0]).toContain('<img src=x onerror=alert(1)>');
    expect(document.querySelector('h1')!.textContent).toContain('</script><script>alert(1)</script>');
  });

  it('makes characters that reorder or hide text visible', () => {
    const input = hostileInput();
    const trojan = 'if (x) {\u202e } \u2066// check\u2069\u200b\u0000';
    const shown = input.pairs.shown.map((pair) => ({ ...pair, vulnerable: trojan }));
    const text = renderReport({ ...input, pairs: { total: 1, shown } });
    expect(text).toContain('⟦U+202E⟧');
    expect(text).toContain('⟦U+2066⟧');
    expect(text).toContain('⟦U+200B⟧');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(text).not.toMatch(/[\u0000\u200b\u202a-\u202e\u2066-\u2069]/);
  });

  it('survives offsets, values and curves that make no sense', () => {
    const line = hostileRollout(0);
    const odd: RolloutLine[] = [
      {
        ...line,
        rollout: {
          ...line.rollout,
          tokenOffsets: [
            [50, 10],
            [-3, 1e9],
            [5, 5],
          ],
        },
        rewards: { ...line.rewards, values: [1, -1, 1e-300] },
      },
      { ...line, rewards: { ...line.rewards, values: [1] } },
      {
        ...line,
        rollout: { ...line.rollout, completion: '', tokenOffsets: [[0, 0]] },
        rewards: { ...line.rewards, values: [0.5], spans: [] },
      },
    ];
    const input = hostileInput();
    const text = renderReport({
      ...input,
      rollouts: [{ arm: 'x', seed: 1, total: 3, shown: odd }],
      curves: [
        { arm: 'x', seed: 1, stage: 's', metric: 'm', points: [] },
        { arm: 'x', seed: 1, stage: 's', metric: 'n', points: [[0, 0]] },
        {
          arm: 'x',
          seed: 1,
          stage: 's',
          metric: 'o',
          points: [
            [0, 1e300],
            [1, -1e300],
          ],
        },
      ],
    });
    expect(text).toContain('differ in number: no colours');
    expect(text).not.toMatch(/NaN/);
  });

  it('gives up on marking a pair of long unrelated texts, and shows its start', () => {
    const input = hostileInput();
    const noise = (seed: number) =>
      Array.from({ length: 3000 }, (_, i) => `x${(i * seed) % 7919};`).join('\n');
    const [pair] = input.pairs.shown;
    const text = renderReport({
      ...input,
      pairs: { total: 1, shown: [{ ...pair!, vulnerable: noise(3), secure: noise(5) }] },
    });
    expect(text).toContain('Cut after 160');
  });
});

describe('renderMarkdownReport on hostile content', () => {
  it('leaves no raw HTML, link or table break', () => {
    const text = renderMarkdownReport(hostileInput());
    expect(text).not.toMatch(/(?<!\\)<(?:script|img|svg|iframe|style)/);
    for (const row of text.split('\n').filter((line) => line.startsWith('| ')))
      expect(row.endsWith(' |')).toBe(true);
  });
});
