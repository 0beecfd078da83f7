import { diffArrays } from 'diff';

/** A stretch of a line; `changed` when the other side does not have it. */
export interface DiffPart {
  readonly text: string;
  readonly changed: boolean;
}

export interface DiffCell {
  readonly lineNumber: number;
  readonly parts: readonly DiffPart[];
  readonly changed: boolean;
}

/** A row of the two texts side by side; null where one side has no line. */
export interface DiffRow {
  readonly before: DiffCell | null;
  readonly after: DiffCell | null;
}

/** Words, numbers, runs of white space, and single other characters. */
const token = /[A-Za-z_]\w*|\d[\w.]*|[^\S\n]+|[^\w\s]/g;
/** jsdiff gives up beyond this many edits and the whole block counts as changed: hostile texts must not cost minutes. */
const MAX_EDITS = 600;

const isBlank = (text: string): boolean => /^\s*$/.test(text);

/** Which tokens of two blocks of lines differ, white space aside; one list of parts per line. */
function markTokens(before: readonly string[], after: readonly string[]): [DiffPart[][], DiffPart[][]] {
  const cut = (lines: readonly string[]) =>
    lines.flatMap((line, at) => [...line.matchAll(token)].map(([text]) => ({ text, at })));
  const [a, b] = [cut(before), cut(after)];
  const solid = (list: typeof a) => list.filter(({ text }) => !isBlank(text)).map(({ text }) => text);
  const changes = diffArrays(solid(a), solid(b), { maxEditLength: MAX_EDITS });
  const flags: [boolean[], boolean[]] = [[], []];
  for (const change of changes ?? [
    { value: solid(a), removed: true, added: false },
    { value: solid(b), removed: false, added: true },
  ]) {
    for (const _ of change.value) {
      if (!change.added) flags[0].push(change.removed === true);
      if (!change.removed) flags[1].push(change.added === true);
    }
  }
  const gather = (lines: readonly string[], list: typeof a, changed: readonly boolean[]): DiffPart[][] => {
    const rows: DiffPart[][] = lines.map(() => []);
    let next = 0;
    for (const { text, at } of list) {
      const row = rows[at]!;
      const last = row.at(-1);
      // White space between two changed tokens reads better marked with them; it is trimmed at the ends below.
      const flag = isBlank(text) ? last?.changed === true && changed[next] === true : changed[next++]!;
      if (last && last.changed === flag) row[row.length - 1] = { text: last.text + text, changed: flag };
      else row.push({ text, changed: flag });
    }
    return rows;
  };
  return [gather(before, a, flags[0]), gather(after, b, flags[1])];
}

const toLines = (text: string): string[] =>
  text
    .replace(/\n+$/, '')
    .split('\n')
    .map((line) => line.trimEnd());

/** Two versions of a function side by side: equal lines in one row, changed blocks facing each other with changed tokens marked. */
export function diffPair(before: string, after: string): DiffRow[] {
  const [a, b] = [toLines(before), toLines(after)];
  const changes = diffArrays(a, b, { maxEditLength: MAX_EDITS }) ?? [
    { value: a, removed: true, added: false },
    { value: b, removed: false, added: true },
  ];
  const rows: DiffRow[] = [];
  let [lineA, lineB] = [0, 0];
  const plain = (text: string, lineNumber: number): DiffCell => ({
    lineNumber,
    parts: [{ text, changed: false }],
    changed: false,
  });
  for (let i = 0; i < changes.length; i++) {
    const change = changes[i]!;
    if (!change.added && !change.removed) {
      for (const text of change.value)
        rows.push({ before: plain(a[lineA] ?? text, ++lineA), after: plain(text, ++lineB) });
      continue;
    }
    const partner = changes[i + 1];
    const paired =
      partner !== undefined && partner.added !== partner.removed && partner.added !== change.added;
    const removed = change.removed ? change.value : paired && partner.removed ? partner.value : [];
    const added = change.added ? change.value : paired && partner.added ? partner.value : [];
    if (paired) i++;
    const [partsA, partsB] = markTokens(removed, added);
    for (let row = 0; row < Math.max(removed.length, added.length); row++) {
      rows.push({
        before: row < removed.length ? { lineNumber: ++lineA, parts: partsA[row]!, changed: true } : null,
        after: row < added.length ? { lineNumber: ++lineB, parts: partsB[row]!, changed: true } : null,
      });
    }
  }
  return rows;
}
