import type { Manifest } from '@srcode/core';
import { html, type SafeHtml } from '../html/html.js';
import type { MissingPart, ReportInput } from '../report-input.js';
import type { RunResults } from '../schemas.js';

const MAX_MISSING = 40;

/** A string, or an object's `name` or `model` and version, or its JSON. */
export function describe(value: string | Readonly<Record<string, unknown>> | null | undefined): string {
  if (value === null || value === undefined) return 'none';
  if (typeof value === 'string') return value;
  const name = value.name ?? value.model;
  if (typeof name !== 'string') return JSON.stringify(value).slice(0, 300);
  const version = typeof value.version === 'string' ? ` ${value.version}` : '';
  return `${name}${version}${value.replayed === true ? ' (recorded answers, replayed)' : ''}`;
}

/** Labels of synthetic parts: what the manifest names, and a replayed teacher. */
export function syntheticLabels(input: ReportInput): string[] {
  const labels = [...(input.manifest?.synthetic ?? [])];
  const teacher = input.results?.teacher;
  const replayed = teacher !== null && typeof teacher === 'object' && teacher.replayed === true;
  if (replayed && !labels.some((label) => /replay/i.test(label)))
    labels.push('teacher: recorded answers, replayed');
  if (input.results?.preset === 'tiny' && !labels.some((label) => /tiny/i.test(label)))
    labels.push('preset tiny: a small model trained from scratch on a built-in corpus');
  return labels;
}

/** What every reader must know before the first figure. */
export function renderLabels(labels: readonly string[]): SafeHtml | null {
  if (labels.length === 0) return null;
  return html`<aside class="labels" aria-label="Synthetic parts"><strong>Synthetic parts of this run</strong><ul>${labels.map((label) => html`<li>${label}</li>`)}</ul></aside>`;
}

export function renderMissing(missing: readonly MissingPart[]): SafeHtml | null {
  if (missing.length === 0) return null;
  const shown = missing.slice(0, MAX_MISSING);
  return html`<details class="missing" open><summary>${missing.length} part${missing.length === 1 ? '' : 's'} of the run folder missing or damaged</summary><ul>${shown.map(({ part, problem }) => html`<li><code>${part}</code>: ${problem}</li>`)}</ul></details>`;
}

function duration(manifest: Manifest): string {
  if (manifest.finishedAt === null) return 'not finished';
  const seconds = (Date.parse(manifest.finishedAt) - Date.parse(manifest.startedAt)) / 1000;
  if (!Number.isFinite(seconds)) return 'unknown';
  return seconds < 90 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(1)} min`;
}

const fact = (name: string, value: string): SafeHtml => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;

/** Preset, backend, teacher and host in one line under the title. */
export function renderFacts(results: RunResults | null, manifest: Manifest | null): SafeHtml {
  return html`<dl class="facts">${results && [fact('Preset', results.preset), fact('Backend', describe(results.backend)), fact('Teacher', describe(results.teacher))]}${manifest && [fact('Seed', String(manifest.seed ?? 'none')), fact('Started', manifest.startedAt.slice(0, 16).replace('T', ' ')), fact('Took', duration(manifest)), fact('Host', `${manifest.host.cores} × ${manifest.host.cpu}`)]}</dl>`;
}

/** The manifest in full. */
export function renderManifest(manifest: Manifest | null): SafeHtml | null {
  if (!manifest) return null;
  const files = (entries: Manifest['inputs']) =>
    Object.entries(entries).map(
      ([name, { path, sha256 }]) =>
        html`<tr><th scope="row">${name}</th><td><code>${path}</code></td><td><code>${sha256.slice(0, 16)}…</code></td></tr>`,
    );
  const rows = [...files(manifest.inputs), ...files(manifest.outputs)];
  return html`<section id="manifest"><h2>Manifest</h2>
<dl class="facts">${fact('Command', manifest.command)}${fact('Git commit', manifest.gitCommit ?? 'unknown')}${Object.entries(manifest.versions).map(([name, version]) => fact(name, version))}</dl>
${rows.length > 0 && html`<details><summary>${rows.length} files with hashes</summary><div class="scroll"><table><thead><tr><th scope="col">Name</th><th scope="col">Path</th><th scope="col">SHA-256</th></tr></thead><tbody>${rows.slice(0, 200)}</tbody></table></div></details>`}
<details><summary>Options as they took effect</summary><pre class="code" tabindex="0">${JSON.stringify(manifest.options, null, 2).slice(0, 40_000)}</pre></details></section>`;
}
