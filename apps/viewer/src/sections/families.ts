import { html, type SafeHtml } from '../html/html.js';
import { armLabel, orderArms } from '../internal/arms.js';
import { formatRate } from '../internal/format.js';
import type { FamilyOutcome } from '../report-input.js';

/** Rows of a table beyond this are left out and counted. */
const MAX_ROWS = 200;

export interface FamilyTable {
  readonly split: string;
  readonly arms: readonly string[];
  readonly rows: readonly { readonly family: string; readonly cells: readonly (FamilyOutcome | null)[] }[];
  /** Over all families of the split. */
  readonly total: readonly (FamilyOutcome | null)[];
}

function addUp(outcomes: readonly FamilyOutcome[]): FamilyOutcome | null {
  const [first] = outcomes;
  if (!first) return null;
  const sum = (key: 'samples' | 'measured' | 'secureAndFunctional' | 'functional' | 'secure'): number =>
    outcomes.reduce((total, outcome) => total + outcome[key], 0);
  return {
    ...first,
    family: '',
    samples: sum('samples'),
    measured: sum('measured'),
    secureAndFunctional: sum('secureAndFunctional'),
    functional: sum('functional'),
    secure: sum('secure'),
  };
}

/** One table per split: families by arms, with the split's total. */
export function tabulateFamilies(outcomes: readonly FamilyOutcome[]): FamilyTable[] {
  const arms = orderArms(outcomes.map(({ arm }) => arm));
  const splits = [...new Set(outcomes.map(({ split }) => split))].sort();
  return splits.map((split) => {
    const own = outcomes.filter((outcome) => outcome.split === split);
    const byKey = new Map(own.map((outcome) => [JSON.stringify([outcome.family, outcome.arm]), outcome]));
    const families = [...new Set(own.map(({ family }) => family))].sort();
    return {
      split,
      arms,
      rows: families.map((family) => ({
        family,
        cells: arms.map((arm) => byKey.get(JSON.stringify([family, arm])) ?? null),
      })),
      total: arms.map((arm) => addUp(own.filter((outcome) => outcome.arm === arm))),
    };
  });
}

/** Share of measured samples that are secure and functional; null where none was measured. */
export function familyRate(outcome: FamilyOutcome | null): number | null {
  return outcome && outcome.measured > 0 ? outcome.secureAndFunctional / outcome.measured : null;
}

function renderCell(outcome: FamilyOutcome | null): SafeHtml {
  const rate = familyRate(outcome);
  if (!outcome || rate === null) return html`<td class="n">–</td>`;
  const title = `${outcome.secureAndFunctional} secure and functional, ${outcome.functional} functional, ${outcome.secure} secure of ${outcome.samples} samples`;
  return html`<td class="n shade" style="--share:${rate.toFixed(3)}" title="${title}">${formatRate(rate, 0)}</td>`;
}

function renderTable(table: FamilyTable): SafeHtml {
  const shown = table.rows.slice(0, MAX_ROWS);
  return html`<h3>${table.split}</h3><div class="scroll tall" tabindex="0" role="region" aria-label="Families of split ${table.split}"><table class="families"><thead><tr><th scope="col">Family</th>${table.arms.map((arm) => html`<th scope="col" class="n">${armLabel(arm)}</th>`)}</tr></thead><tbody><tr class="total"><th scope="row">All ${table.rows.length} families</th>${table.total.map(renderCell)}</tr>${shown.map(({ family, cells }) => html`<tr><th scope="row">${family}</th>${cells.map(renderCell)}</tr>`)}</tbody></table></div>${table.rows.length > shown.length && html`<p class="warn">${table.rows.length - shown.length} families left out.</p>`}`;
}

/** Secure-and-functional rates by family, per split. */
export function renderFamilies(outcomes: readonly FamilyOutcome[]): SafeHtml | null {
  if (outcomes.length === 0) return null;
  return html`<section id="families"><h2>Families</h2>
<p class="note">Secure-and-functional share by task family, over all seeds and samples; hover for counts. Few samples stand behind one cell.</p>
${tabulateFamilies(outcomes).map(renderTable)}</section>`;
}
