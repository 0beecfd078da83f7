import type { VulnerableFunction } from '@srcode/dataset';

/** A small vulnerable function; `humanFix` and `commitMessage` carry marks that no request may contain. */
export function makeFunction(index: number, changes: Partial<VulnerableFunction> = {}): VulnerableFunction {
  return {
    id: `f${index}`,
    project: 'demo',
    commit: `c${index}`,
    cve: 'CVE-2020-0001',
    cwe: ['CWE-787'],
    language: 'c',
    functionName: `put_${index}`,
    vulnerable: `int put_${index}(int *slots, int n)\n{\n  slots[n] = ${index};\n  return n;\n}\n`,
    humanFix: `int put_${index}(int *slots, int n) { if (n > 8) return -1; /* HUMAN-FIX-MARK */ }`,
    description: 'An index is used without a check.',
    commitMessage: 'COMMIT-MESSAGE-MARK: check the index',
    file: 'put.c',
    source: 'test',
    license: null,
    upstreamHash: null,
    group: `g${index}`,
    split: 'train',
    ...changes,
  };
}

export function makeFunctions(count: number): VulnerableFunction[] {
  return Array.from({ length: count }, (_, index) => makeFunction(index));
}
