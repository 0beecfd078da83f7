import { boundsOf, comparisonsOf, isTainted, withSources } from './bounds.js';
import { isAllocatedWith } from './buffer-rules.js';
import type { Comparison, FunctionFacts } from './facts.js';
import { accessesOf, capacityTexts, isCapacity, isMasked } from './index-access.js';
import { collect, compact, enclosing, isInside, type Node, pathOf, pathsIn, unwrap } from './syntax.js';
import type { Rule } from './types.js';

interface CountingLoop {
  readonly loop: Node;
  readonly condition: Node;
  readonly body: Node;
  readonly comparison: Comparison;
  /** The smaller side of the comparison, and the larger. */
  readonly counter: Node;
  readonly bound: Node;
}

/** Every `counter < bound` or `<=`, whichever way around, in the condition of a `for` or `while` loop. */
function* countingLoops(facts: FunctionFacts): Generator<CountingLoop> {
  for (const loop of collect(facts.body, 'for_statement', 'while_statement')) {
    const { condition, body } = loop.fields;
    if (!condition || !body) continue;
    for (const comparison of facts.comparisons) {
      if (!isInside(comparison.node, condition) || !/^[<>]=?$/.test(comparison.operator)) continue;
      const { left, right } = comparison;
      const [counter, bound] = comparison.operator.startsWith('<') ? [left, right] : [right, left];
      yield { loop, condition, body, comparison, counter, bound };
    }
  }
}

const uncheckedLoopBound: Rule = {
  id: 'unchecked-loop-bound',
  cwe: ['CWE-606', 'CWE-125'],
  severity: 'medium',
  title: 'A loop over an array ends at a count that the data itself gives',
  help: 'The count was read from the input and not compared with its length before the loop. Compare it first.',
  *check(facts) {
    for (const { loop, condition, body, counter, bound, comparison } of countingLoops(facts)) {
      const path = pathOf(counter);
      const limit = pathOf(bound);
      if (path === null || limit === null || !isReadFromData(facts, limit, loop.start)) continue;
      if (boundsOf(facts, limit, condition.start).upper) continue;
      const otherChecks = comparisonsOf(facts, [path], loop.end).filter(
        ({ node }) => node !== comparison.node,
      );
      const hit = accessesOf(facts).find(
        (access) => isInside(access.node, body) && pathsIn(access.index).includes(path),
      );
      if (hit && otherChecks.length === 0)
        yield {
          node: hit.node,
          message: `${limit} comes from the data and was not compared with its length`,
        };
    }
  },
};

/** A local whose value was taken out of memory that the caller gave: `n = data[0]`, `n = header->count`. */
function isReadFromData(facts: FunctionFacts, path: string, before: number): boolean {
  const variable = facts.variables.get(path);
  if (!variable || variable.isParameter) return false;
  return facts.assignments.some(
    ({ path: target, value, node }) =>
      target === path &&
      node.start < before &&
      value !== null &&
      collect(value, 'subscript_expression', 'pointer_expression').some((inner) =>
        isTainted(facts, compact(inner)),
      ) &&
      collect(value, 'call_expression').length === 0,
  );
}

const unboundedScan: Rule = {
  id: 'unbounded-scan',
  cwe: ['CWE-125'],
  severity: 'medium',
  title: 'Looks for a mark in an array without knowing that it is there',
  help: 'A loop runs until an element equals a mark; neither the end of the array nor a terminator stops it. Compare the position with the length too.',
  *check(facts) {
    for (const loop of collect(facts.body, 'for_statement', 'while_statement', 'do_statement')) {
      const { condition, body } = loop.fields;
      if (!condition || !body) continue;
      const inCondition = facts.comparisons.filter(({ node }) => isInside(node, condition));
      const [only] = inCondition;
      if (!only || inCondition.length !== 1 || only.operator !== '!=') continue;
      const sides = [unwrap(only.left), unwrap(only.right)];
      const mark = sides.find((side) => side.type === 'char_literal' || side.type === 'number_literal');
      const element = sides.find(
        (side) => side.type === 'subscript_expression' || side.type === 'pointer_expression',
      );
      if (!mark || !element || /^(?:'\\0'|0|0x0+)$/.test(mark.text)) continue;
      const root = pathsIn(element).find((path) => facts.variables.get(path)?.isPointer);
      if (root === undefined || !isTainted(facts, root) || /&&/.test(condition.text)) continue;
      const leaves = collect(body, 'break_statement', 'return_statement', 'goto_statement').length > 0;
      if (!leaves) yield { node: element, message: `nothing stops this at the end of ${root}` };
    }
  },
};

const offByOneLoop: Rule = {
  id: 'off-by-one-loop',
  cwe: ['CWE-193', 'CWE-787'],
  severity: 'high',
  title: 'A loop runs one element past the end',
  help: 'A loop with `<=` against the number of elements uses its counter as index. Use `<`.',
  *check(facts) {
    for (const { body, counter, bound, comparison } of countingLoops(facts)) {
      const path = pathOf(counter);
      if (path === null || !comparison.operator.endsWith('=')) continue;
      // Counting from 1, `<=` is right unless the counter itself is the index.
      const hit = accessesOf(facts).find(
        (access) =>
          isInside(access.node, body) &&
          pathOf(access.index) === path &&
          isCapacity(facts, access.base, bound),
      );
      if (hit)
        yield { node: hit.node, message: `${path} reaches ${compact(bound)}, one past the last element` };
    }
  },
};

const offByOneGuard: Rule = {
  id: 'off-by-one-guard',
  cwe: ['CWE-193', 'CWE-787'],
  severity: 'high',
  title: 'A bound lets the index be equal to the number of elements',
  help: 'The check refuses indexes above the number of elements but not the number itself (`>` where `>=` is needed), or the terminator is written at index `sizeof buffer`. The last element is at the number minus one.',
  *check(facts) {
    for (const access of accessesOf(facts)) {
      const index = unwrap(access.index);
      if (
        capacityTexts(facts, access.base).has(compact(index)) &&
        !enclosing(access.node, 'sizeof_expression')
      ) {
        if (!addressOnly(access.node))
          yield { node: access.node, message: `index ${compact(index)} is the size of the array` };
        continue;
      }
      const path = pathOf(index);
      if (path === null) continue;
      const comparisons = comparisonsOf(facts, [path], access.node.start);
      const last = comparisons.filter(({ node }) => !isLoopCondition(node)).at(-1);
      if (!last || last.operator.length > 2) continue;
      const isLeft = pathOf(last.left) === path;
      if (!isLeft && pathOf(last.right) !== path) continue;
      const bound = isLeft ? last.right : last.left;
      const operator = isLeft
        ? last.operator
        : last.operator.replace(/[<>]/, (char) => (char === '<' ? '>' : '<'));
      const refuses = operator === '>' && guardsByLeaving(last.node, access.node);
      const allows = operator === '<=' && !guardsByLeaving(last.node, access.node);
      if ((refuses || allows) && isCapacity(facts, access.base, bound))
        yield {
          node: access.node,
          message: `${path} may be equal to ${compact(bound)}, one past the last element`,
        };
    }
  },
};

function addressOnly(node: Node): boolean {
  return node.parent?.type === 'pointer_expression' && node.parent.operator === '&';
}

function isLoopCondition(node: Node): boolean {
  const loop = enclosing(node, 'for_statement', 'while_statement', 'do_statement');
  const condition = loop?.fields.condition;
  return condition !== undefined && isInside(node, condition);
}

/** True when the comparison is the condition of an `if` that does not contain the use: the branch leaves. */
function guardsByLeaving(comparison: Node, use: Node): boolean {
  const branch = enclosing(comparison, 'if_statement');
  return branch !== null && !isInside(use, branch);
}

const growingIndex: Rule = {
  id: 'unbounded-loop-write',
  cwe: ['CWE-787', 'CWE-120'],
  severity: 'high',
  title: 'A loop writes to consecutive elements until its input ends',
  help: 'The position in the destination grows with every turn and is never compared with its size; the loop ends with the input alone. Stop at the size of the destination too.',
  *check(facts) {
    for (const access of accessesOf(facts)) {
      const loop = enclosing(access.node, 'for_statement', 'while_statement', 'do_statement');
      if (!access.isWrite || !loop) continue;
      const path = pathsIn(access.index)[0];
      if (path === undefined || isMasked(access.index)) continue;
      const grows = facts.assignments.some(
        (assignment) =>
          assignment.path === path &&
          (assignment.operator === '++' || assignment.operator === '+=') &&
          isInside(assignment.node, loop),
      );
      const all = withSources(facts, path, access.node.start).filter((source) => source === path);
      const compared = comparisonsOf(facts, all, Number.POSITIVE_INFINITY).some(
        ({ operator, left, right }) =>
          operator.length <= 2 && !/^0$/.test(unwrap(left).text) && !/^0$/.test(unwrap(right).text),
      );
      const condition = loop.fields.condition;
      const base = pathsIn(access.base)[0];
      const counted = condition !== undefined && /--|\+\+/.test(condition.text) && !/\*/.test(condition.text);
      if (!grows || compared || counted || isTainted(facts, path)) continue;
      if (base && isAllocatedWith(facts, base, new Set([...facts.variables.keys()]))) continue;
      yield {
        node: access.node,
        message: `${path} grows with the input and is never compared with the size of ${compact(access.base)}`,
      };
    }
  },
};

export const boundRules: readonly Rule[] = [
  uncheckedLoopBound,
  unboundedScan,
  offByOneLoop,
  offByOneGuard,
  growingIndex,
];
