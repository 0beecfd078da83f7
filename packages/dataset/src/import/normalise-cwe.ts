const identifier = /(?<![A-Za-z-])CWE[-_ ]?0*(\d{1,5})(?!\d)/gi;

/**
 * CWE identifiers (`CWE-787`) in the order found, without repeats.
 *
 * Takes what data sets hold: a list, one string with one or several identifiers, a bare number, a printed
 * Python list, null. `NVD-CWE-noinfo`, `NVD-CWE-Other` and other words are dropped. Returns undefined when
 * the value is of a type that cannot hold an identifier.
 */
export function normaliseCwe(value: unknown): string[] | undefined {
  if (value === null || value === undefined) return [];
  const found: string[] = [];
  for (const item of Array.isArray(value) ? (value as unknown[]) : [value]) {
    if (item === null) continue;
    if (typeof item === 'number' && Number.isSafeInteger(item) && item > 0) found.push(`CWE-${item}`);
    else if (typeof item !== 'string') return undefined;
    else if (/^\s*0*[1-9]\d{0,4}\s*$/.test(item)) found.push(`CWE-${Number(item)}`);
    else for (const match of item.matchAll(identifier)) found.push(`CWE-${Number(match[1])}`);
  }
  return [...new Set(found)].filter((id) => id !== 'CWE-0');
}
