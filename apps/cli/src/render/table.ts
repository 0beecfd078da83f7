import Table from 'cli-table3';

/** A plain table for terminals: no colours, thin rules, numbers to the right. */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [], compact: true },
    colAligns: head.map((_, column) =>
      rows.length > 0 && rows.every((row) => /^[\d.,%–+\- ±[\]]*$/.test(String(row[column] ?? '')))
        ? 'right'
        : 'left',
    ),
  });
  for (const row of rows) table.push(row.map(String));
  return table.toString();
}

/** Counts as rows, largest first. */
export function renderCounts(title: string, counts: Readonly<Record<string, number>>, most = 12): string {
  const entries = Object.entries(counts).sort((a, b) => b[1] - a[1]);
  const shown = entries.slice(0, most).map(([name, count]) => `${name} ${count}`);
  if (entries.length > most) shown.push(`… ${entries.length - most} more`);
  return `${title}: ${shown.join(', ') || 'none'}`;
}

/** A fraction as a percentage with one decimal, or a dash. */
export function percent(value: number | null | undefined): string {
  return value === null || value === undefined || Number.isNaN(value) ? '–' : `${(value * 100).toFixed(1)} %`;
}
