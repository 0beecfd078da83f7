import { sha256Hex } from '@srcode/core';
import type { Finding } from '@srcode/dataset';
import type { OracleProgram } from '../oracle/assemble-program.js';
import type { CompiledOracle } from '../oracle/create-compiled-oracle.js';
import type { Compiler } from '../oracle/detect-compiler.js';
import type { Verdict } from '../oracle/verdict-cache.js';
import type { Analyzer, AnalyzerInput } from '../types.js';

/** A finding with the given parts; the rest is plain. */
export function createFinding(parts: Partial<Finding> = {}): Finding {
  return {
    analyzer: 'fake',
    ruleId: 'fake-rule',
    cwe: ['CWE-787'],
    severity: 'high',
    message: 'something',
    line: 1,
    column: null,
    endLine: null,
    ...parts,
  };
}

/** An analyzer that says what a function says, for tests. */
export function createFakeAnalyzer(
  find: (input: AnalyzerInput) => readonly Finding[],
  name = 'fake',
): Analyzer {
  return {
    name,
    embedded: true,
    detect: async () => ({ available: true, version: '0' }),
    analyze: async (inputs) =>
      inputs.map((input) => find(input).map((finding) => ({ ...finding, analyzer: name }))),
  };
}

/** An oracle that judges by a function and builds nothing, for tests; equal programs are judged once. */
export function createFakeOracle(judge: (program: OracleProgram) => Verdict): CompiledOracle {
  const seen = new Map<string, Verdict>();
  let evaluated = 0;
  let cacheHits = 0;
  return {
    // Never run: a fake has no compiler.
    compiler: { kind: 'gcc', version: 'fake' } as Compiler,
    sandbox: {
      level: 'limits-only',
      networkIsolated: false,
      filesystemIsolated: false,
      processesIsolated: false,
      userIsolated: false,
      reasons: ['a fake oracle runs nothing'],
    },
    evaluate: async (program) => {
      evaluated++;
      const key = sha256Hex(JSON.stringify(program));
      const known = seen.get(key);
      if (known) cacheHits++;
      const verdict = known ?? judge(program);
      seen.set(key, verdict);
      return { ...verdict, cached: known !== undefined };
    },
    stats: () => ({ evaluated, cacheHits, cacheSize: seen.size }),
    close: async () => {},
  };
}
