import { InputError, throwIfCancelled } from '@srcode/core';
import type { Finding } from '@srcode/dataset';
import { joinContext, keepOwnFindings } from '../internal/join-context.js';
import type { Analyzer, AnalyzerInput } from '../types.js';
import { arithmeticRules } from './arithmetic-rules.js';
import { boundRules } from './bound-rules.js';
import { bufferRules } from './buffer-rules.js';
import { collectFileFacts, collectFunctionFacts } from './facts.js';
import { habitRules } from './habit-rules.js';
import { indexRules } from './index-rules.js';
import { injectionRules } from './injection-rules.js';
import { leakRules } from './leak-rules.js';
import { lifetimeRules } from './lifetime-rules.js';
import { sizeRules } from './size-rules.js';
import { collect, parseSyntax } from './syntax.js';
import type { Rule, RuleDoc } from './types.js';
import { valueRules } from './value-rules.js';

export const rulesAnalyzerName = 'srcode-rules';

const allRules: readonly Rule[] = [
  ...bufferRules,
  ...indexRules,
  ...boundRules,
  ...arithmeticRules,
  ...sizeRules,
  ...lifetimeRules,
  ...leakRules,
  ...valueRules,
  ...injectionRules,
  ...habitRules,
];

/** What the embedded rules look for: id, CWE, severity, title and help of each, in a fixed order. */
export const ruleDocs: readonly RuleDoc[] = allRules.map(({ id, cwe, severity, title, help }) => ({
  id,
  cwe,
  severity,
  title,
  help,
}));

/** Longest source that is walked: the rules are made for functions, and answers beyond this are not functions. */
const maxSourceLength = 1 << 20;

export interface RulesAnalyzerOptions {
  /** Ids to run. Default: all. */
  readonly rules?: readonly string[];
}

/** Findings of one source text by the given rules, by line. */
function findIn(source: string, rules: readonly Rule[]): Finding[] {
  const root = parseSyntax(source);
  const file = collectFileFacts(root);
  const findings = new Map<string, Finding>();
  for (const node of collect(root, 'function_definition')) {
    const facts = collectFunctionFacts(node, file);
    if (!facts) continue;
    for (const rule of rules)
      for (const match of rule.check(facts)) {
        const { line, column } = match.node;
        const key = `${rule.id}:${line}:${column}`;
        if (findings.has(key)) continue;
        findings.set(key, {
          analyzer: rulesAnalyzerName,
          ruleId: rule.id,
          cwe: [...rule.cwe],
          severity: rule.severity,
          message: match.message,
          line,
          column,
          endLine: null,
        });
      }
  }
  return [...findings.values()].sort((a, b) => a.line - b.line || (a.column ?? 0) - (b.column ?? 0));
}

/**
 * The embedded analyzer: tree-sitter rules over single functions, no tool to install, always available.
 *
 * It sees one function at a time, follows no calls and no pointers between variables, and takes any earlier comparison
 * of a value for a check of it, whatever the branch. Throws `InputError` for an unknown rule id or a source over 1 MiB,
 * and `ParseTimeoutError` of `@srcode/code` for one that the parser cannot get through: no findings would be praise.
 */
export function createRulesAnalyzer(options: RulesAnalyzerOptions = {}): Analyzer {
  const known = new Set(allRules.map((rule) => rule.id));
  for (const id of options.rules ?? [])
    if (!known.has(id))
      throw new InputError({
        code: 'RULE_UNKNOWN',
        message: `Expected the id of an embedded rule, got "${id}". Known: ${[...known].join(', ')}.`,
      });
  const rules = options.rules ? allRules.filter((rule) => options.rules!.includes(rule.id)) : allRules;
  return {
    name: rulesAnalyzerName,
    embedded: true,
    detect: async () => ({ available: true, version: String(allRules.length) }),
    analyze: async (inputs: readonly AnalyzerInput[], signal) => {
      const results: Finding[][] = [];
      for (const input of inputs) {
        throwIfCancelled(signal);
        if (input.code.length > maxSourceLength)
          throw new InputError({
            code: 'SOURCE_TOO_LARGE',
            message: `Expected a source of at most ${maxSourceLength} characters, got ${input.code.length}.`,
          });
        const joined = joinContext(input);
        results.push(keepOwnFindings(findIn(joined.text, rules), joined));
      }
      return results;
    },
  };
}
