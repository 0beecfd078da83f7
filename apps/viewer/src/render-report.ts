import { createHash } from 'node:crypto';
import { html, SafeHtml } from './html/html.js';
import { script } from './html/script.js';
import { styles } from './html/styles.js';
import { summariseArms } from './internal/summarise-arms.js';
import type { ReportInput } from './report-input.js';
import { renderArmsTable } from './sections/arms-table.js';
import { renderCurves } from './sections/curves.js';
import { renderFamilies } from './sections/families.js';
import { renderFindings } from './sections/findings.js';
import { renderHeadline } from './sections/headline.js';
import { renderHeatMaps } from './sections/heat-maps.js';
import { renderPairs } from './sections/pairs.js';
import {
  renderFacts,
  renderLabels,
  renderManifest,
  renderMissing,
  syntheticLabels,
} from './sections/run-facts.js';

export interface RenderReportOptions {
  /** Shown as the page's title. Default `SRCode run <name>`. */
  readonly title?: string;
  /** Ceiling for the file; rollouts and pairs are left out until it holds. Default 3 MiB. */
  readonly maxBytes?: number;
}

const DEFAULT_MAX_BYTES = 3 * 1024 * 1024;

const sectionNames: Readonly<Record<string, string>> = {
  headline: 'Headline',
  arms: 'Arms',
  findings: 'Findings',
  curves: 'Curves',
  'heat-maps': 'Heat maps',
  pairs: 'Pairs',
  families: 'Families',
  manifest: 'Manifest',
};

function renderSections(input: ReportInput, left: number): readonly (readonly [string, SafeHtml])[] {
  const { results } = input;
  const arms = results ? summariseArms(results) : [];
  const sections: readonly (readonly [string, SafeHtml | null])[] = [
    ['headline', results && arms.length > 0 ? renderHeadline(results, arms) : null],
    ['arms', arms.length > 0 ? renderArmsTable(arms) : null],
    ['findings', arms.length > 0 ? renderFindings(arms) : null],
    ['heat-maps', renderHeatMaps(input.rollouts, left)],
    ['curves', renderCurves(input.curves)],
    ['pairs', renderPairs(input.pairs, input.validation)],
    ['families', renderFamilies(input.families)],
    ['manifest', renderManifest(input.manifest)],
  ];
  return sections.filter((entry): entry is readonly [string, SafeHtml] => entry[1] !== null);
}

/** A policy under which the page can load nothing and run nothing but its own script, named by hash. */
function contentSecurityPolicy(): string {
  const hash = createHash('sha256').update(script).digest('base64');
  return `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
}

function renderPage(input: ReportInput, title: string, left: number): string {
  const sections = renderSections(input, left);
  const nav = sections.map(([id]) => html`<li><a href="#${id}">${sectionNames[id] ?? id}</a></li>`);
  return html`${SafeHtml.trust('<!doctype html>')}
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${SafeHtml.trust(contentSecurityPolicy())}"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer"><title>${title}</title><style>${SafeHtml.trust(styles)}</style></head>
<body><a class="skip" href="#main">Skip to the results</a>
<header class="page"><h1>${title}</h1><p class="sub">Secure code from token-level rewards: what this run measured</p>${renderFacts(input.results, input.manifest)}${renderLabels(syntheticLabels(input))}${renderMissing(input.missing)}</header>
<nav aria-label="Sections"><ul>${nav}</ul></nav>
<main id="main">${sections.map(([, section]) => section)}${sections.length === 0 && html`<p>Nothing to show: the run folder holds no readable results yet.</p>`}</main>
<footer>Made by SRCode from the files of the run folder. This page loads nothing and sends nothing.</footer>
<script>${SafeHtml.trust(script)}</script></body></html>
`.toString();
}

/** The input with about half of its rollouts and pairs, evenly thinned; null when nothing is left to leave out. */
function thin(input: ReportInput): ReportInput | null {
  const half = <T>(items: readonly T[]): readonly T[] => items.filter((_, i) => i % 2 === 1);
  const held = input.pairs.shown.length + input.rollouts.reduce((sum, { shown }) => sum + shown.length, 0);
  if (held === 0) return null;
  return {
    ...input,
    rollouts: input.rollouts.map((sample) => ({ ...sample, shown: half(sample.shown) })),
    pairs: { ...input.pairs, shown: half(input.pairs.shown) },
  };
}

/**
 * The report as one self-contained HTML file: no network, no external file, readable without JavaScript,
 * light and dark by the reader's preference.
 *
 * Everything in `input` is treated as hostile: it is escaped, control and bidirectional characters are made
 * visible, and the content security policy admits no script but the page's own. Beyond `maxBytes` rollouts
 * and pairs are left out evenly, and the page says how many.
 */
export function renderReport(input: ReportInput, options: RenderReportOptions = {}): string {
  const title = options.title ?? `SRCode run ${input.name}`;
  const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
  const count = (of: ReportInput): number => of.rollouts.reduce((sum, { shown }) => sum + shown.length, 0);
  let current = input;
  for (;;) {
    const page = renderPage(current, title, count(input) - count(current));
    if (Buffer.byteLength(page) <= maxBytes) return page;
    const thinner = thin(current);
    if (!thinner) return page;
    current = thinner;
  }
}
