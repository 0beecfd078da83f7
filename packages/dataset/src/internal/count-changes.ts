/** Beyond this many differences an exact count costs more than anyone needs; the multiset difference stands in. */
const MAX_EDITS = 4000;

export interface ChangeCount {
  readonly deleted: number;
  readonly added: number;
}

/** Deleted and added items of a shortest edit script (Myers 1986, greedy), in O((n + m)·d) time and O(d) memory. */
export function countChanges(before: readonly string[], after: readonly string[]): ChangeCount {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let [endA, endB] = [before.length, after.length];
  while (endA > start && endB > start && before[endA - 1] === after[endB - 1]) {
    endA--;
    endB--;
  }
  const [n, m] = [endA - start, endB - start];
  if (n === 0 || m === 0) return { deleted: n, added: m };
  const limit = Math.min(n + m, MAX_EDITS);
  const furthest = new Int32Array(2 * limit + 3);
  const middle = limit + 1;
  for (let d = 0; d <= limit; d++) {
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && furthest[middle + k - 1]! < furthest[middle + k + 1]!);
      let x = down ? furthest[middle + k + 1]! : furthest[middle + k - 1]! + 1;
      while (x < n && x - k < m && before[start + x] === after[start + x - k]) x++;
      furthest[middle + k] = x;
      if (x >= n && x - k >= m) return { deleted: (d + n - m) / 2, added: (d - n + m) / 2 };
    }
  }
  return countMultisetChanges(before.slice(start, endA), after.slice(start, endB));
}

function countMultisetChanges(before: readonly string[], after: readonly string[]): ChangeCount {
  const counts = new Map<string, number>();
  for (const item of before) counts.set(item, (counts.get(item) ?? 0) + 1);
  let added = 0;
  for (const item of after) {
    const left = counts.get(item) ?? 0;
    if (left > 0) counts.set(item, left - 1);
    else added++;
  }
  return { deleted: before.length - (after.length - added), added };
}
