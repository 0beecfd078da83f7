/**
 * 1-based lines of `before` that `after` changes: lines that are gone, and the line in front of which something
 * was added. Longest common subsequence of lines, for texts of some dozens of lines.
 */
export function findChangedLines(before: string, after: string): number[] {
  const a = before.trimEnd().split('\n');
  const b = after.trimEnd().split('\n');
  const common: number[][] = Array.from({ length: a.length + 1 }, () => new Array(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i]![j] =
        a[i] === b[j] ? common[i + 1]![j + 1]! + 1 : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
    }
  }
  const changed = new Set<number>();
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      i++;
      j++;
    } else if (i < a.length && (j >= b.length || common[i + 1]![j]! >= common[i]![j + 1]!)) {
      changed.add(++i);
    } else {
      if (!changed.has(i)) changed.add(Math.min(i + 1, a.length));
      j++;
    }
  }
  return [...changed].sort((x, y) => x - y);
}
