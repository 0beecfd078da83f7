import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Rng } from '@srcode/core';
import type { BenchResult, PrimeVulPlusRecord } from '@srcode/dataset';
import type { ArmResult, RolloutLine, RunResults } from '../src/index.js';

/**
 * A made-up run folder for tests and for looking at the report. Every figure in it is drawn from a random
 * stream around invented means: it shows the layout, never a result.
 */
const arms = ['base', 'sft', 'ppo-instance', 'ppo-line', 'ppo-token'] as const;
type Arm = (typeof arms)[number];
const seeds = [1, 2, 3];
const invented: Readonly<
  Record<Arm, { functional: number; secure: number; both: number; findings: number }>
> = {
  base: { functional: 0.71, secure: 0.2, both: 0.14, findings: 0.9 },
  sft: { functional: 0.72, secure: 0.48, both: 0.37, findings: 0.55 },
  'ppo-instance': { functional: 0.7, secure: 0.55, both: 0.42, findings: 0.46 },
  'ppo-line': { functional: 0.71, secure: 0.6, both: 0.46, findings: 0.4 },
  'ppo-token': { functional: 0.73, secure: 0.66, both: 0.53, findings: 0.33 },
};

const vulnerable = `int copy_name(char *out, size_t size, const char *name)
{
\tsize_t n = strlen(name);

\tmemcpy(out, name, n + 1);
\treturn (int)n;
}
`;
const secure = `int copy_name(char *out, size_t size, const char *name)
{
\tsize_t n = strlen(name);

\tif (n >= size)
\t\treturn -1;
\tmemcpy(out, name, n + 1);
\treturn (int)n;
}
`;

const jsonl = (records: readonly unknown[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');

function buildArm(arm: Arm, seed: number, rng: Rng): ArmResult {
  const around = (mean: number): number => Math.min(0.98, Math.max(0.02, mean + 0.035 * rng.nextNormal()));
  const n = 240;
  const rates = {
    parseRate: around(0.93),
    compileRate: around(0.88),
    functionalRate: around(invented[arm].functional),
    secureRate: around(invented[arm].secure),
    secureAndFunctionalRate: around(invented[arm].both),
  };
  const half = (rate: number): number => 1.96 * Math.sqrt((rate * (1 - rate)) / n) * 1.4;
  return {
    arm,
    seed,
    n,
    ...rates,
    findings: {
      high: Math.round(n * invented[arm].findings * 0.45),
      medium: Math.round(n * invented[arm].findings * 0.4),
      low: Math.round(n * invented[arm].findings * 0.3),
    },
    intervals: Object.fromEntries(
      Object.entries(rates).map(([key, rate]) => [
        key,
        [Math.max(0, rate - half(rate)), Math.min(1, rate + half(rate))],
      ]),
    ),
  };
}

function buildMetrics(arm: Arm, rng: Rng): unknown[] {
  const lines: unknown[] = [];
  const curve = (stage: string, steps: number, figures: (t: number) => Record<string, number>): void => {
    for (let step = 0; step < steps; step += 2) lines.push({ step, stage, metrics: figures(step / steps) });
  };
  const noise = (): number => rng.nextNormal();
  if (arm === 'base')
    curve('pretrain', 400, (t) => ({
      loss: 5.2 * Math.exp(-3 * t) + 0.6 + 0.05 * noise(),
      learningRate: 1e-3 * (1 - t),
    }));
  if (arm === 'sft') curve('sft', 200, (t) => ({ loss: 0.9 * Math.exp(-2 * t) + 0.25 + 0.03 * noise() }));
  if (arm.startsWith('ppo')) {
    const gain = { 'ppo-instance': 0.35, 'ppo-line': 0.5, 'ppo-token': 0.65 }[arm as 'ppo-token'];
    curve('ppo', 120, (t) => ({
      reward: -0.1 + gain * (1 - Math.exp(-3 * t)) + 0.06 * noise(),
      kl: 0.08 * t + 0.01 * Math.abs(noise()),
      loss: 0.2 * Math.exp(-t) + 0.02 * noise(),
      entropy: 1.2 - 0.4 * t + 0.03 * noise(),
      clipFraction: 0.1 + 0.02 * noise(),
    }));
  }
  return lines;
}

/** Cuts text into words, white space and punctuation, the way a small tokenizer might. */
export function cutTokens(text: string): [number, number][] {
  return [...text.matchAll(/ ?[A-Za-z_]+|\d|\s|[^\w\s]/g)].map((match) => [
    match.index,
    match.index + match[0].length,
  ]);
}

function buildRollout(arm: Arm, seed: number, index: number, rng: Rng): RolloutLine {
  const good = rng.nextFloat() < 0.6;
  const completion = (good ? secure : vulnerable).replaceAll('name', rng.pick(['name', 'label', 'title']));
  const tokenOffsets = cutTokens(completion);
  const from = good ? completion.indexOf('if (') : completion.indexOf('memcpy');
  const to = good ? completion.indexOf('memcpy') : completion.indexOf('(', from);
  const total = good ? 0.92 : -0.81;
  const strategy = arm.replace('ppo-', '');
  const inside = tokenOffsets.map(
    ([start, end]) => start >= from && end <= to && completion.slice(start, end).trim() !== '',
  );
  const count = inside.filter(Boolean).length;
  const values = tokenOffsets.map((_, i) => {
    if (strategy === 'instance') return i === tokenOffsets.length - 1 ? total : 0;
    return inside[i] ? (total / count) * (strategy === 'token' ? 0.6 + 0.8 * rng.nextFloat() : 1) : 0;
  });
  const id = `${arm}-${seed}-${index}`;
  return {
    step: index * 10,
    pairId: `made-up-${index % 12}`,
    rollout: {
      id,
      sourceId: `made-up-${index % 12}`,
      prompt:
        'Write `int copy_name(char *out, size_t size, const char *name)`: copies name into out and returns its length.',
      completion,
      tokenIds: tokenOffsets.map((_, i) => i),
      tokenOffsets,
      logProbs: null,
    },
    rewards: {
      rolloutId: id,
      strategy,
      values,
      spans: [
        {
          start: from,
          end: to,
          side: good ? 'secure' : 'vulnerable',
          hunk: 0,
          value: total,
          score: 0.9,
          reason: good
            ? 'bounds check before the copy, identifiers renamed'
            : 'copy without the bounds check',
        },
      ],
      total: values.reduce((sum, value) => sum + value, 0),
    },
  };
}

function buildPair(index: number): PrimeVulPlusRecord {
  return {
    id: `made-up-${index}`,
    functionId: `made-up-${index}`,
    project: 'made-up',
    commit: null,
    cve: null,
    cwe: [index % 2 === 0 ? 'CWE-787' : 'CWE-120'],
    language: 'c',
    vulnerable: vulnerable.replaceAll('copy_name', `copy_name_${index}`),
    secure: secure.replaceAll('copy_name', `copy_name_${index}`),
    humanFix: null,
    diagnosis: {
      cwe: 'CWE-787',
      rootCause: 'The copy on line 5 does not look at the size of out.',
      vulnerableLines: [5],
    },
    reflections: [{ round: 1, verdict: 'accept', confidence: 0.9, issues: [] }],
    confidence: 0.9,
    teacher: { model: 'made-up teacher', replayed: true },
    group: `g${index}`,
    split: 'train',
    prompts: [
      { style: 'terse', text: `Write copy_name_${index}: copy a name into a buffer, return its length.` },
      {
        style: 'scenario',
        text: 'Our address book stores display names in fixed fields. Fill one from a string.',
      },
    ],
  };
}

function buildBench(arm: Arm, seed: number, rng: Rng): BenchResult[] {
  return ['heldout', 'instance'].flatMap((split) =>
    Array.from({ length: split === 'heldout' ? 8 : 14 }, (_, family) =>
      Array.from({ length: 6 }, (_, sampleIndex): BenchResult => {
        const functional = rng.nextFloat() < invented[arm].functional;
        const good = rng.nextFloat() < invented[arm].both / invented[arm].functional;
        return {
          taskId: `${split}-${family}`,
          suite: 'made-up',
          arm,
          seed,
          sampleIndex,
          family: `${split}-family-${String(family).padStart(2, '0')}`,
          split,
          completion: '',
          parsed: true,
          compiled: true,
          functional,
          secure: good,
          secureAndFunctional: functional && good,
          oracle: 'compiled',
          findings: [],
          detail: null,
        };
      }),
    ).flat(),
  );
}

const manifest = {
  schemaVersion: 1 as const,
  command: 'srcode reproduce --preset tiny (made up)',
  options: { preset: 'tiny', seeds: 3 },
  seed: 1,
  inputs: { corpus: { path: 'data/functions.jsonl', sha256: 'ab'.repeat(32) } },
  outputs: {},
  versions: { node: 'v20.0.0', srcode: '0.1.0' },
  gitCommit: null,
  host: { platform: 'linux', arch: 'x64', cpu: 'made-up CPU', cores: 2, memoryBytes: 8e9 },
  startedAt: '2026-01-01T10:00:00.000Z',
  finishedAt: '2026-01-01T10:08:30.000Z',
  synthetic: [
    'every figure in this report is made up, to show the layout',
    'teacher: recorded answers, replayed by a local server',
    'model: a tiny transformer trained from scratch on the built-in corpus',
  ],
  extra: {},
};

/** Findings split over two made-up analyzers. */
function byAnalyzer(findings: ArmResult['findings']): Record<string, ArmResult['findings']> {
  const share = (part: number) => ({
    high: Math.round(findings.high * part),
    medium: Math.round(findings.medium * part),
    low: Math.round(findings.low * part),
  });
  return { 'made-up-rules': share(0.7), 'made-up-held-out': share(0.3) };
}

/** Made-up results; with `pooled`, also the summary over seeds and the comparisons that a run may state. */
export function buildResults(options: { readonly pooled?: boolean } = {}): RunResults {
  const rng = Rng.fromSeed('made-up results');
  const entries = arms.flatMap((arm) => seeds.map((seed) => buildArm(arm, seed, rng.fork(arm, seed))));
  const results: RunResults = {
    preset: 'tiny',
    backend: 'wasm',
    teacher: { model: 'made-up teacher', replayed: true },
    arms: entries,
    manifest,
  };
  if (options.pooled === false) return results;
  const pool = (arm: Arm) => {
    const own = entries.filter((entry) => entry.arm === arm);
    const average = (
      key: 'functionalRate' | 'secureRate' | 'secureAndFunctionalRate' | 'parseRate' | 'compileRate',
    ) => own.reduce((sum, entry) => sum + entry[key]!, 0) / own.length;
    const sum = (severity: 'high' | 'medium' | 'low') =>
      own.reduce((total, entry) => total + entry.findings[severity], 0);
    const both = average('secureAndFunctionalRate');
    const findings = { critical: 0, high: sum('high'), medium: sum('medium'), low: sum('low') };
    return {
      arm,
      n: own.length * own[0]!.n,
      parseRate: average('parseRate'),
      compileRate: average('compileRate'),
      functionalRate: average('functionalRate'),
      secureRate: average('secureRate'),
      secureAndFunctionalRate: both,
      findings,
      findingsByAnalyzer: byAnalyzer(findings),
      intervals: { secureAndFunctionalRate: [both - 0.06, both + 0.06] as [number, number] },
    };
  };
  const summary = arms.map(pool);
  const rate = (arm: Arm) => summary.find((entry) => entry.arm === arm)!.secureAndFunctionalRate;
  const compare = (against: Arm, width: number) => {
    const difference = rate('ppo-token') - rate(against);
    return {
      metric: 'secureAndFunctionalRate',
      arm: 'ppo-token',
      against,
      difference,
      interval: [difference - width, difference + width] as [number, number],
    };
  };
  return {
    ...results,
    summary,
    comparisons: [compare('sft', 0.06), compare('ppo-instance', 0.05), compare('ppo-line', 0.09)],
  };
}

/** Writes the made-up run folder. */
export async function buildRunFixture(dir: string): Promise<void> {
  const rng = Rng.fromSeed('made-up run');
  for (const folder of ['metrics', 'rollouts', 'bench', 'data'])
    await mkdir(join(dir, folder), { recursive: true });
  await writeFile(join(dir, 'results.json'), JSON.stringify(buildResults()));
  await writeFile(join(dir, 'manifest.json'), JSON.stringify(manifest));
  for (const arm of arms) {
    for (const seed of seeds) {
      const own = rng.fork(arm, seed);
      await writeFile(join(dir, 'metrics', `${arm}-seed${seed}.jsonl`), jsonl(buildMetrics(arm, own)));
      await writeFile(join(dir, 'bench', `${arm}-seed${seed}.jsonl`), jsonl(buildBench(arm, seed, own)));
      if (arm.startsWith('ppo'))
        await writeFile(
          join(dir, 'rollouts', `${arm}-seed${seed}.jsonl`),
          jsonl(Array.from({ length: 30 }, (_, i) => buildRollout(arm, seed, i, own))),
        );
    }
  }
  const pairs = Array.from({ length: 40 }, (_, i) => buildPair(i));
  await writeFile(join(dir, 'data', 'prime-vul-plus.jsonl'), jsonl(pairs));
  await writeFile(
    join(dir, 'data', 'validation.json'),
    JSON.stringify({
      verdicts: pairs.map(({ id }, i) => ({
        pairId: id,
        accepted: i % 9 !== 0,
        reasons: i % 9 === 0 ? ['prompt-leaks-security'] : [],
      })),
    }),
  );
}
