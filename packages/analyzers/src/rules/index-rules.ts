import { boundsOf, isComparedAsUnsigned, isMadeBounded, isTainted, variableOf } from './bounds.js';
import { isAllocatedWith, isSizeOfDestination } from './buffer-rules.js';
import type { FunctionFacts } from './facts.js';
import { accessesOf, hasFloor, isCounted, looseIndexPaths, lowersIndex } from './index-access.js';
import { compact, pathOf, pathsIn, unwrap } from './syntax.js';
import type { Rule, RuleMatch } from './types.js';

function* uncheckedAccesses(facts: FunctionFacts, kind: 'write' | 'read'): Generator<RuleMatch> {
  for (const access of accessesOf(facts)) {
    if (access.isWrite !== (kind === 'write')) continue;
    const paths = looseIndexPaths(facts, access);
    const base = pathsIn(access.base)[0];
    if (paths.length > 0 && !(base && isAllocatedWith(facts, base, new Set(paths))))
      yield {
        node: access.node,
        message: `${kind} at index ${compact(access.index)} without a comparison before`,
      };
  }
}

const indexUnchecked: Rule = {
  id: 'unchecked-index-write',
  cwe: ['CWE-787', 'CWE-129'],
  severity: 'high',
  title: 'Writes to an array at an index that was not compared with its length',
  help: 'The index comes from a parameter, a structure given by the caller or another input and takes part in no earlier comparison. Compare it with the number of elements first.',
  *check(facts) {
    yield* uncheckedAccesses(facts, 'write');
  },
};

const indexUncheckedRead: Rule = {
  id: 'unchecked-index-read',
  cwe: ['CWE-125', 'CWE-129'],
  severity: 'medium',
  title: 'Reads an array at an index that was not compared with its length',
  help: 'As unchecked-index-write, for reads. Compare the index with the number of elements first.',
  *check(facts) {
    yield* uncheckedAccesses(facts, 'read');
  },
};

const indexNegative: Rule = {
  id: 'negative-index',
  cwe: ['CWE-129', 'CWE-124'],
  severity: 'medium',
  title: 'A signed index is held from above only',
  help: 'A signed parameter or input is compared with the length, but a negative value passes. Compare it with 0 too, or make it unsigned.',
  *check(facts) {
    const seen = new Set<string>();
    for (const access of accessesOf(facts)) {
      const path = pathOf(access.index);
      const variable = path === null ? null : variableOf(facts, path);
      if (path === null || seen.has(path) || !variable?.isInteger || variable.isUnsigned) continue;
      if (!isTainted(facts, path) || isCounted(facts, path)) continue;
      if (isMadeBounded(facts, path, access.node.start)) continue;
      const bounds = boundsOf(facts, path, access.node.end);
      if (!bounds.upper || bounds.lower || isComparedAsUnsigned(facts, path, access.node.start)) continue;
      seen.add(path);
      yield { node: access.node, message: `${path} may be negative here` };
    }
  },
};

const indexUnderflow: Rule = {
  id: 'index-underflow',
  cwe: ['CWE-127', 'CWE-124'],
  severity: 'medium',
  title: 'Steps in front of an array',
  help: 'An index of the form x - 1 or --x where nothing tells that x is above zero. Test it first. Silent for the last byte of a buffer whose size the caller gives.',
  *check(facts) {
    for (const access of accessesOf(facts)) {
      const path = lowersIndex(access.index);
      if (path === null || facts.file.constants.has(path)) continue;
      const variable = variableOf(facts, path);
      const measured = facts.assignments.some(
        (assignment) =>
          assignment.path === path &&
          assignment.value !== null &&
          /^strn?len\(/.test(compact(assignment.value)),
      );
      if ((variable !== null && !variable.isInteger) || !(measured || isTainted(facts, path))) continue;
      const size = unwrap(access.index).fields.left;
      if (size && isSizeOfDestination(facts, access.base, size, true)) continue;
      const bounds = boundsOf(facts, path, access.node.start);
      if (bounds.lower || bounds.nonZero || hasFloor(facts, path, access.node.start)) continue;
      yield { node: access.node, message: `${path} may be 0 here` };
    }
  },
};

export const indexRules: readonly Rule[] = [
  indexUnchecked,
  indexUncheckedRead,
  indexNegative,
  indexUnderflow,
];
