/** Builders of valid records for tests; every field can be replaced. The code in them is made up. */
import type { PrimeVulPlusRecord, RepairPair, VulnerableFunction } from '../schemas.js';

/** A made-up vulnerable function, different for each `index`. */
export function makeVulnerableCode(index: number): string {
  return `int read_item_${index}(char *out, const char *in, size_t n)\n{\n\tsize_t at_${index} = ${index};\n\n\tmemcpy(out + at_${index}, in, n);\n\treturn use_${index}(out);\n}\n`;
}

/** The same function with the missing check. */
export function makeSecureCode(index: number): string {
  return makeVulnerableCode(index).replace('\tmemcpy', `\tif (n > LIMIT_${index})\n\t\treturn -1;\n\tmemcpy`);
}

/** A valid `VulnerableFunction`. */
export function makeVulnerableFunction(
  index: number,
  overrides: Partial<VulnerableFunction> = {},
): VulnerableFunction {
  return {
    id: `function-${index}`,
    project: 'made-up',
    commit: `commit-${index}`,
    cve: null,
    cwe: ['CWE-787'],
    language: 'c',
    functionName: `read_item_${index}`,
    vulnerable: makeVulnerableCode(index),
    humanFix: makeSecureCode(index),
    description: null,
    commitMessage: null,
    file: null,
    source: 'made-up',
    license: null,
    upstreamHash: null,
    group: `group-${index}`,
    split: 'train',
    ...overrides,
  };
}

/** A valid `RepairPair`. */
export function makeRepairPair(index: number, overrides: Partial<RepairPair> = {}): RepairPair {
  return {
    id: `pair-${index}`,
    functionId: `function-${index}`,
    project: 'made-up',
    commit: `commit-${index}`,
    cve: null,
    cwe: ['CWE-787'],
    language: 'c',
    vulnerable: makeVulnerableCode(index),
    secure: makeSecureCode(index),
    humanFix: null,
    diagnosis: { cwe: 'CWE-787', rootCause: 'The copy does not look at n.', vulnerableLines: [5] },
    reflections: [{ round: 1, verdict: 'accept', confidence: 0.9, issues: [] }],
    confidence: 0.9,
    teacher: { model: 'made-up', replayed: true },
    group: `group-${index}`,
    split: 'train',
    ...overrides,
  };
}

/** A valid `PrimeVulPlusRecord` with two prompts. */
export function makePrimeVulPlusRecord(
  index: number,
  overrides: Partial<PrimeVulPlusRecord> = {},
): PrimeVulPlusRecord {
  return {
    ...makeRepairPair(index),
    prompts: [
      { style: 'terse', text: `Write read_item_${index}: append n bytes of in to out.` },
      { style: 'scenario', text: `Our log reader ${index} collects items in one buffer. Add one item.` },
    ],
    ...overrides,
  };
}
