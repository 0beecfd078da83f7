import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  loadRunFolder,
  type ReportInput,
  renderMarkdownReport,
  renderReport,
  runResultsSchema,
} from '../src/index.js';
import { buildResults, buildRunFixture } from './build-run-fixture.js';

let dir: string;
let input: ReportInput;
let page: string;
let document: ReturnType<typeof documentOf>;

beforeAll(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'srcode-viewer-')), 'made-up-run');
  await buildRunFixture(dir);
  input = await loadRunFolder(dir);
  page = renderReport(input);
  document = documentOf(page);
});
afterAll(() => rm(join(dir, '..'), { recursive: true, force: true }));

const documentOf = (text: string) => parseHTML(text).document;

describe('loadRunFolder on a whole run', () => {
  it('reads every part and misses none', () => {
    expect(input.missing).toEqual([]);
    expect(input.results?.arms).toHaveLength(15);
    expect(new Set(input.curves.map(({ stage }) => stage))).toEqual(new Set(['pretrain', 'sft', 'ppo']));
    expect(input.pairs.total).toBe(40);
    expect(input.validation).toEqual({ accepted: 35, rejected: 5, reasons: { 'prompt-leaks-security': 5 } });
  });

  it('holds a bounded sample that reaches from the first to the last rollout', () => {
    for (const sample of input.rollouts) {
      expect(sample.total).toBe(30);
      expect(sample.shown.length).toBeLessThanOrEqual(16);
      expect(sample.shown[0]!.step).toBe(0);
      expect(sample.shown.at(-1)!.step).toBe(290);
    }
    expect(input.pairs.shown.length).toBeLessThanOrEqual(24);
  });

  it('counts families over seeds and samples', () => {
    const one = input.families.find(({ family, arm }) => family === 'heldout-family-00' && arm === 'base')!;
    expect(one.samples).toBe(18);
    expect(one.measured).toBe(18);
    expect(one.secureAndFunctional).toBeLessThanOrEqual(Math.min(one.functional, one.secure));
  });
});

describe('renderReport', () => {
  it('is one file that refers to nothing outside itself', () => {
    expect(page).not.toMatch(
      /(?:src|href|action|data|poster|xlink:href)\s*=\s*["']?\s*(?:https?:|\/\/|file:|\.\/|\/)/i,
    );
    expect(page).not.toMatch(/@import|url\(/i);
    expect(page).toContain("default-src 'none'");
    expect(Buffer.byteLength(page)).toBeLessThan(3 * 1024 * 1024);
  });

  it('admits exactly its own script', async () => {
    const { createHash } = await import('node:crypto');
    const scripts = [...page.matchAll(/<script>([\s\S]*?)<\/script>/g)];
    expect(scripts).toHaveLength(1);
    const hash = createHash('sha256').update(scripts[0]![1]!).digest('base64');
    expect(page).toContain(`script-src 'sha256-${hash}'`);
    expect(page).not.toMatch(/\son[a-z]+\s*=/i);
  });

  it('names synthetic parts before the first figure', () => {
    const labels = page.indexOf('Synthetic parts of this run');
    expect(labels).toBeGreaterThan(0);
    expect(labels).toBeLessThan(page.indexOf('<svg'));
    expect(page).toContain('recorded answers, replayed');
  });

  it('links every section from the navigation', () => {
    const links = [...document.querySelectorAll('nav a')].map((link) => link.getAttribute('href')!.slice(1));
    const sections = [...document.querySelectorAll('main section')].map((section) => section.id);
    expect(links).toEqual(sections);
    expect(sections).toEqual([
      'headline',
      'arms',
      'findings',
      'heat-maps',
      'curves',
      'pairs',
      'families',
      'manifest',
    ]);
  });

  it('gives every figure a text alternative with its figures', () => {
    const plots = [...document.querySelectorAll('.plot')];
    expect(plots.length).toBeGreaterThan(5);
    for (const plot of plots) expect(plot.getAttribute('aria-label')!.length).toBeGreaterThan(20);
    expect(plots[0]!.getAttribute('aria-label')).toContain('PPO (token)');
  });

  it('shows the same headline rate in tile, table and text alternative', () => {
    const summary = input.results!.summary!.find(({ arm }) => arm === 'ppo-token')!;
    const rate = `${(summary.secureAndFunctionalRate! * 100).toFixed(1)} %`;
    expect(document.querySelector('.tile.focus strong')!.textContent).toBe(rate);
    expect(document.querySelector('#headline .plot')!.getAttribute('aria-label')).toContain(
      `PPO (token) ${rate}`,
    );
    const row = [...document.querySelectorAll('#arms tbody tr')].find((tr) =>
      tr.textContent.startsWith('PPO (token)'),
    )!;
    expect(row.textContent).toContain(rate);
  });

  it('reads each claim as the intervals say', () => {
    const reading = (claim: string) =>
      [...document.querySelectorAll('.claims tbody tr')]
        .find((row) => row.querySelector('th')!.textContent.includes(claim))!
        .querySelector('.reading')!
        .textContent.replace(/^\S+\s/, '');
    expect(reading('fall by more than 50 % against Base')).toBe('in line');
    expect(reading('fall by more than 50 % against SFT')).toBe('not in line');
    expect(reading('beat one score per answer')).toBe('in line');
    expect(reading('beat line-level rewards')).toBe('not separated');
  });

  it('says so when the token arm loses', () => {
    const results = structuredClone(input.results!);
    for (const arm of results.arms) if (arm.arm === 'ppo-token') arm.secureAndFunctionalRate = 0.05;
    delete results.summary;
    delete results.comparisons;
    const text = documentOf(renderReport({ ...input, results })).querySelector('#headline')!.textContent;
    expect(text).toContain('PPO (line) is highest');
    expect(text).toMatch(/PPO \(token\) comes to 5\.0 %, −\d+\.\d points from it/);
    expect(text).toContain('✗ not in line');
  });

  it('names ties, and says so when nothing was secure and functional', () => {
    const lead = (rate: (arm: string) => number) => {
      const results = structuredClone(input.results!);
      for (const arm of results.arms) arm.secureAndFunctionalRate = rate(arm.arm);
      delete results.summary;
      return documentOf(renderReport({ ...input, results, rollouts: [], curves: [] })).querySelector('.lead')!
        .textContent;
    };
    expect(lead(() => 0)).toBe('No answer of any arm was both secure and functional.');
    expect(lead((arm) => (arm === 'base' ? 0.25 : 0.5))).toBe(
      'SFT, PPO (instance), PPO (line) and PPO (token) are highest with 50.0 % of the answers secure and functional, +25.0 points on Base.',
    );
  });

  it('colours the tokens that carry reward and hovers their figures', () => {
    const secure = [...document.querySelectorAll('#heat-maps pre .s4')].find(
      (token) => token.textContent === 'if',
    )!;
    const vulnerable = document.querySelector('#heat-maps pre .v4')!;
    expect(secure.getAttribute('title')).toMatch(/^secure \+0\.\d+ · hunk 1 · score 0\.9 · /);
    expect(vulnerable.getAttribute('title')).toMatch(/^vulnerable −\d/);
    expect(vulnerable.textContent).toContain('memcpy');
  });

  it('keeps the heat map’s text equal to the completion, the marks of blanks aside', () => {
    const line = input.rollouts[0]!.shown[0]!;
    const texts = [...document.querySelectorAll('#heat-maps pre')].map((pre) =>
      pre.textContent.replace(/[⏎∎]/g, ''),
    );
    expect(texts).toContain(line.rollout.completion);
  });

  it('marks the tokens that only the secure side has', () => {
    const pair = document.querySelector('details.pair')!;
    expect([...pair.querySelectorAll('ins')].map((ins) => ins.textContent.trim())).toEqual([
      'if (n >= size)',
      'return -1;',
    ]);
    expect(pair.querySelectorAll('del')).toHaveLength(0);
    expect(pair.textContent).toContain('✗ rejected: prompt-leaks-security');
  });

  it('leaves rollouts and pairs out, and says so, to stay under the ceiling', () => {
    const small = renderReport(input, { maxBytes: 220_000 });
    expect(Buffer.byteLength(small)).toBeLessThanOrEqual(220_000);
    expect(small).toMatch(/\d+ rollouts were left out/);
    expect(small).toContain('id="headline"');
  });

  it('keeps its fragments', () => {
    expect(document.querySelector('.tiles')!.outerHTML).toMatchSnapshot();
    expect(document.querySelector('#arms .scroll')!.outerHTML).toMatchSnapshot();
    expect(document.querySelector('details.pair .diff')!.outerHTML).toMatchSnapshot();
    expect(document.querySelector('aside.labels')!.outerHTML).toMatchSnapshot();
  });
});

describe('renderMarkdownReport', () => {
  it('has the same tables with a rule under each head', () => {
    const text = renderMarkdownReport(input);
    expect(text.startsWith('# SRCode run made-up-run')).toBe(true);
    for (const heading of [
      '## Secure and functional',
      '## Arms',
      '## Findings per 100 samples',
      '## Every seed',
      '## Families, split heldout',
    ])
      expect(text).toContain(heading);
    const tables = text.split('\n\n').filter((block) => block.startsWith('| '));
    for (const table of tables) {
      const widths = table
        .trim()
        .split('\n')
        .map((row) => row.replace(/\\\|/g, '').split('|').length);
      expect(new Set(widths).size).toBe(1);
    }
    expect(text).toContain('recorded answers, replayed');
  });
});

describe('parts missing or damaged', () => {
  it('lists what is missing and renders the rest', async () => {
    const partial = await mkdtemp(join(tmpdir(), 'srcode-viewer-'));
    try {
      await writeFile(
        join(partial, 'results.json'),
        JSON.stringify({ ...buildResults(), summary: undefined, manifest: null }),
      );
      const loaded = await loadRunFolder(partial);
      expect(loaded.missing.map(({ part }) => part)).toEqual([
        'manifest.json',
        'data/validation.json',
        'metrics/',
        'rollouts/',
        'bench/',
        'data/prime-vul-plus.jsonl',
        'data/pairs.jsonl',
      ]);
      const text = renderReport(loaded);
      expect(text).toContain('7 parts of the run folder missing or damaged');
      expect(text).toContain('id="headline"');
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  });

  it('names the field of a results.json that does not fit, and still makes a page', async () => {
    const partial = await mkdtemp(join(tmpdir(), 'srcode-viewer-'));
    try {
      const results = buildResults();
      await writeFile(
        join(partial, 'results.json'),
        JSON.stringify({ ...results, arms: [{ ...results.arms[0], secureRate: 1.2 }] }),
      );
      const loaded = await loadRunFolder(partial);
      expect(loaded.results).toBeNull();
      expect(loaded.missing[0]).toMatchObject({ part: 'results.json' });
      expect(loaded.missing[0]!.problem).toContain('arms.0.secureRate');
      expect(renderReport(loaded)).toContain('no readable results yet');
      expect(renderMarkdownReport(loaded)).toContain('Missing or damaged parts');
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  });

  it('leaves out malformed lines and a tail cut short, and counts them', async () => {
    const partial = join(await mkdtemp(join(tmpdir(), 'srcode-viewer-')), 'run');
    try {
      await buildRunFixture(partial);
      const path = join(partial, 'metrics', 'base-seed1.jsonl');
      await writeFile(
        path,
        '{"step":0,"stage":"pretrain","metrics":{"loss":2,"bad":null}}\nnot json\n{"step":1,"stage":"pretrain","metr',
      );
      const loaded = await loadRunFolder(partial);
      expect(loaded.missing).toEqual([
        { part: 'metrics/base-seed1.jsonl', problem: '2 malformed lines left out (first: line 2)' },
      ]);
      expect(loaded.curves.filter(({ arm, seed }) => arm === 'base' && seed === 1)).toEqual([
        { arm: 'base', seed: 1, stage: 'pretrain', metric: 'loss', points: [[0, 2]] },
      ]);
    } finally {
      await rm(join(partial, '..'), { recursive: true, force: true });
    }
  });

  it('refuses a folder that is not there', async () => {
    await expect(loadRunFolder(join(dir, 'no-such'))).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      exitCode: 2,
    });
    await expect(loadRunFolder(join(dir, 'results.json'))).rejects.toMatchObject({
      code: 'RUN_FOLDER_NOT_FOLDER',
    });
  });
});

describe('runResultsSchema', () => {
  it('accepts unmeasured rates and unknown fields', () => {
    const [arm] = buildResults().arms;
    const parsed = runResultsSchema.parse({
      preset: 'tiny',
      backend: { name: 'wasm', version: '4.22' },
      teacher: null,
      arms: [{ ...arm, compileRate: null, intervals: { compileRate: null }, extra: 1 }],
      later: true,
    });
    expect(parsed.arms[0]!.compileRate).toBeNull();
  });
});
