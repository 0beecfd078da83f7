import type { Severity } from '@srcode/dataset';
import type { FunctionFacts } from './facts.js';
import type { Node } from './syntax.js';

/** What a rule looks for, for people and for SARIF. */
export interface RuleDoc {
  readonly id: string;
  /** Most specific first. */
  readonly cwe: readonly string[];
  readonly severity: Exclude<Severity, 'info'>;
  /** One sentence: what is reported. */
  readonly title: string;
  /** Why it matters, when the rule stays silent, and how to repair. */
  readonly help: string;
}

export interface RuleMatch {
  readonly node: Node;
  readonly message: string;
}

export interface Rule extends RuleDoc {
  check(facts: FunctionFacts): Iterable<RuleMatch>;
}
