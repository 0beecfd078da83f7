import { armLabel } from './internal/arms.js';
import { formatInterval, formatRate } from './internal/format.js';
import { readClaims } from './internal/read-claims.js';
import {
  type ArmSummary,
  rateKeys,
  rateLabels,
  seriousFindings,
  severities,
  summariseArms,
} from './internal/summarise-arms.js';
import type { ReportInput } from './report-input.js';
import { familyRate, tabulateFamilies } from './sections/families.js';
import { describeOutcome } from './sections/headline.js';
import { describe, syntheticLabels } from './sections/run-facts.js';

/** Text in Markdown that stays text: markup characters escaped, one line. */
function plain(text: string): string {
  return (
    text
      .replace(/\s+/g, ' ')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
      .replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, '')
      .replace(/[\\`*_{}[\]<>|#~!&]/g, '\\$&')
      .trim()
  );
}

/** A Markdown table; the first column left, the others right when `numeric`. */
function table(head: readonly string[], rows: readonly (readonly string[])[], numeric = true): string {
  const rule = head.map((_, i) => (i === 0 || !numeric ? '---' : '---:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function armsTables(arms: readonly ArmSummary[]): string {
  const rates = rateKeys.map((key) => rateLabels[key]);
  const means = table(
    ['Arm', 'Seeds', 'Samples', ...rates, 'High + medium per 100'],
    arms.map((summary) => [
      plain(armLabel(summary.arm)),
      String(summary.seeds.length),
      String(summary.samples),
      ...rateKeys.map((key) => {
        const pooled = formatInterval(summary.pooled[key]);
        return `${formatRate(summary.rates[key])}${pooled ? ` (${pooled})` : ''}`;
      }),
      seriousFindings(summary)?.toFixed(1) ?? '–',
    ]),
  );
  const findings = table(
    ['Arm', ...severities],
    arms.map(({ arm, findings: counts }) => [
      plain(armLabel(arm)),
      ...severities.map((severity) => counts?.[severity].toFixed(1) ?? '–'),
    ]),
  );
  const seeds = table(
    ['Arm', 'Seed', 'n', ...rates, 'Findings c/h/m/l'],
    arms.flatMap(({ arm, seeds: results }) =>
      results.map((seed) => [
        plain(armLabel(arm)),
        String(seed.seed),
        String(seed.n),
        ...rateKeys.map((key) => {
          const interval = formatInterval(seed.intervals[key]);
          return `${formatRate(seed[key])}${interval ? ` (${interval})` : ''}`;
        }),
        severities.map((severity) => seed.findings[severity] ?? 0).join(' / '),
      ]),
    ),
  );
  return `## Arms\n\nOver all seeds (the run’s own summary, or means of the seeds); 95 % bootstrap intervals in brackets where the run states them.\n\n${means}\n\n## Findings per 100 samples\n\n${findings}\n\n## Every seed\n\n${seeds}\n`;
}

/**
 * The report as Markdown: labels of synthetic parts, claims beside what was measured, the tables of arms,
 * findings, seeds and families, and what was missing. The same figures as `renderReport`, without plots.
 */
export function renderMarkdownReport(input: ReportInput, options: { readonly title?: string } = {}): string {
  const { results, manifest } = input;
  const arms = results ? summariseArms(results) : [];
  const out: string[] = [`# ${plain(options.title ?? `SRCode run ${input.name}`)}\n`];
  const labels = syntheticLabels(input);
  if (labels.length > 0)
    out.push(
      `> **Synthetic parts of this run**\n>\n${labels.map((label) => `> - ${plain(label)}`).join('\n')}\n`,
    );
  if (results)
    out.push(
      `Preset ${plain(results.preset)}, backend ${plain(describe(results.backend))}, teacher ${plain(describe(results.teacher))}${manifest ? `, seed ${plain(String(manifest.seed ?? 'none'))}, commit ${plain(manifest.gitCommit ?? 'unknown')}` : ''}.\n`,
    );
  if (results && arms.length > 0) {
    out.push(`## Secure and functional\n\n${plain(describeOutcome(arms))}\n`);
    const claims = readClaims(results, arms);
    if (claims.length > 0)
      out.push(
        `${table(
          ['Claim of the paper', 'Measured here', 'Reading'],
          claims.map(({ claim, measured, reading }) => [plain(claim), plain(measured), reading]),
          false,
        )}\n`,
      );
    out.push(armsTables(arms));
  }
  for (const family of tabulateFamilies(input.families)) {
    const cells = (list: (typeof family)['total']): string[] =>
      list.map((cell) => formatRate(familyRate(cell), 0));
    out.push(
      `## Families, split ${plain(family.split)}\n\nSecure-and-functional share.\n\n${table(
        ['Family', ...family.arms.map((arm) => plain(armLabel(arm)))],
        [
          [`**All ${family.rows.length}**`, ...cells(family.total)],
          ...family.rows.map((row) => [plain(row.family), ...cells(row.cells)]),
        ],
      )}\n`,
    );
  }
  if (input.validation) {
    const reasons = Object.entries(input.validation.reasons).map(
      ([reason, count]) => `${plain(reason)}: ${count}`,
    );
    out.push(
      `## Data\n\n${input.pairs.total} pairs; validation accepted ${input.validation.accepted} and rejected ${input.validation.rejected}${reasons.length > 0 ? ` (${reasons.join(', ')})` : ''}.\n`,
    );
  }
  if (input.missing.length > 0)
    out.push(
      `## Missing or damaged parts\n\n${input.missing.map(({ part, problem }) => `- ${plain(part)}: ${plain(problem)}`).join('\n')}\n`,
    );
  return out.join('\n');
}
