import { html, type SafeHtml } from '../html/html.js';
import { type DiffCell, diffPair } from '../internal/diff-pair.js';
import { formatNumber } from '../internal/format.js';
import type { PairView, ReportInput } from '../report-input.js';

/** Rows shown of one pair; longer functions are cut and say so. */
const MAX_ROWS = 160;
const MAX_LINE = 400;

function renderCell(cell: DiffCell | null, side: 'v' | 's'): SafeHtml {
  if (!cell) return html`<td class="ln"></td><td class="src none"></td>`;
  const code = cell.parts.map(({ text, changed }) => {
    const shown = text.slice(0, MAX_LINE);
    if (!changed) return html`${shown}`;
    return side === 'v' ? html`<del>${shown}</del>` : html`<ins>${shown}</ins>`;
  });
  return html`<td class="ln">${cell.lineNumber}</td><td class="src${cell.changed ? ` ${side}` : ''}">${code}</td>`;
}

function renderDiff(pair: PairView): SafeHtml {
  const rows = diffPair(pair.vulnerable, pair.secure);
  const shown = rows.slice(0, MAX_ROWS);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Vulnerable and secure version of ${pair.id}"><table class="diff"><colgroup><col class="lines"><col><col class="lines"><col></colgroup><thead><tr><th scope="col" colspan="2">Vulnerable</th><th scope="col" colspan="2">Secure</th></tr></thead><tbody>${shown.map(({ before, after }) => html`<tr>${renderCell(before, 'v')}${renderCell(after, 's')}</tr>`)}</tbody></table></div>${rows.length > shown.length && html`<p class="warn">Cut after ${MAX_ROWS} of ${rows.length} lines.</p>`}`;
}

function renderVerdict(pair: PairView): SafeHtml {
  if (!pair.verdict) return html`<span class="verdict open">no verdict</span>`;
  if (pair.verdict.accepted) return html`<span class="verdict yes">✓ accepted</span>`;
  return html`<span class="verdict no">✗ rejected: ${pair.verdict.reasons.join(', ') || 'no reason given'}</span>`;
}

function renderPair(pair: PairView, index: number): SafeHtml {
  const facts = [
    pair.cwe.join(', '),
    pair.cve,
    pair.project,
    pair.split,
    pair.confidence === null ? null : `confidence ${formatNumber(pair.confidence)}`,
    pair.rounds > 0 ? `${pair.rounds} reflection round${pair.rounds === 1 ? '' : 's'}` : null,
  ].filter((fact): fact is string => fact !== null && fact !== '');
  return html`<details class="pair item" ${index === 0 ? html`open` : null}><summary><b>${pair.id}</b> ${renderVerdict(pair)} <small>${facts.join(' · ')}</small></summary>
${pair.rootCause && html`<p class="cause"><b>Diagnosis</b>${pair.teacher && ` by ${pair.teacher.model}${pair.teacher.replayed ? ' (recorded answer, replayed)' : ''}`}: ${pair.rootCause}</p>`}${renderDiff(pair)}
${pair.prompts.length > 0 && html`<h4>Implicit prompts</h4><dl class="prompts">${pair.prompts.map(({ style, text }) => html`<dt>${style}</dt><dd>${text.slice(0, 4000)}</dd>`)}</dl>`}</details>`;
}

function renderValidation(validation: NonNullable<ReportInput['validation']>): SafeHtml {
  const reasons = Object.entries(validation.reasons)
    .sort((a, b) => b[1] - a[1])
    .slice(0, 12);
  return html`<p class="note">Validation accepted ${validation.accepted} and rejected ${validation.rejected}${reasons.length > 0 ? ` (${reasons.map(([reason, count]) => `${reason}: ${count}`).join(', ')})` : ''}.</p>`;
}

/** The browser of training pairs. */
export function renderPairs(
  pairs: ReportInput['pairs'],
  validation: ReportInput['validation'],
): SafeHtml | null {
  if (pairs.shown.length === 0) return null;
  return html`<section id="pairs" data-filter="pairs"><h2>Pairs</h2>
<p class="note">${pairs.shown.length} of ${pairs.total} pairs, evenly spread over the data. Marked: tokens that only one side has; layout is not marked.</p>
${validation && renderValidation(validation)}<div class="filters"></div><div class="list" data-page="8">${pairs.shown.map(renderPair)}</div></section>`;
}
