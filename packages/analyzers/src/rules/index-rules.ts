import {
  boundsOf,
  comparisonsOf,
  isComparedAsUnsigned,
  isMadeBounded,
  isSelfBounded,
  isTainted,
  variableOf,
  withSources,
} from './bounds.js';
import { isAllocatedWith, isSizeOfDestination } from './buffer-rules.js';
import type { FunctionFacts } from './facts.js';
import {
  collect,
  compact,
  enclosing,
  isInside,
  type Node,
  numberOf,
  pathOf,
  pathsIn,
  unwrap,
} from './syntax.js';
import type { Rule } from './types.js';

interface Access {
  readonly node: Node;
  readonly base: Node;
  readonly index: Node;
  readonly isWrite: boolean;
}

function isWritten(node: Node): boolean {
  const parent = node.parent;
  if (!parent) return false;
  if (parent.type === 'assignment_expression') return parent.fields.left === node;
  if (parent.type === 'update_expression') return true;
  if (parent.type === 'field_expression' || parent.type === 'subscript_expression') return isWritten(parent);
  return false;
}

/** `a[i]` and `*(a + i)`. */
function accessesOf(facts: FunctionFacts): Access[] {
  const accesses: Access[] = [];
  for (const node of collect(facts.body, 'subscript_expression', 'pointer_expression')) {
    if (node.type === 'subscript_expression') {
      const base = node.fields.argument;
      const index = (node.fields.indices ?? node.fields.index)?.children[0] ?? node.fields.index;
      if (base && index) accesses.push({ node, base, index, isWrite: isWritten(node) });
    } else if (node.operator === '*' && node.fields.argument) {
      const sum = unwrap(node.fields.argument);
      const { left, right } = sum.fields;
      if (sum.type === 'binary_expression' && sum.operator === '+' && left && right)
        accesses.push({ node, base: left, index: right, isWrite: isWritten(node) });
    }
  }
  return accesses;
}

/** `x % n`, `x & mask`: the expression holds its own value. */
function isMasked(index: Node): boolean {
  return collect(index, 'binary_expression', 'cast_expression').some(isSelfBounded);
}

/** A value of a type too small to leave the array. */
function fitsByType(facts: FunctionFacts, path: string, base: Node): boolean {
  const type = variableOf(facts, path)?.type ?? '';
  if (!/\bunsigned char\b|\buint8_t\b|\bu8\b/.test(type)) return false;
  const basePath = pathOf(base);
  const size = basePath === null ? null : variableOf(facts, basePath)?.arraySize;
  const capacity = size ? numberOf(size, facts.file.constants) : null;
  return capacity !== null && capacity >= 256;
}

/** Paths of an index whose value the function neither made itself nor held from above. */
function looseIndexPaths(facts: FunctionFacts, access: Access): string[] {
  if (isMasked(access.index) || lowersIndex(access.index) !== null || isMeasured(facts, access)) return [];
  const paths = [...new Set(pathsIn(access.index))].filter((path) => {
    const variable = variableOf(facts, path);
    if (variable && !variable.isInteger) return false;
    if (!variable && !/->|\./.test(path) && !path.startsWith('*')) return false;
    if (!isTainted(facts, path)) return false;
    return !boundsOf(facts, path, access.node.end).upper && !fitsByType(facts, path, access.base);
  });
  // `a->b` reads `a`, which is no index.
  return paths.filter(
    (path) =>
      !paths.some(
        (other) => other !== path && other.startsWith(path) && /^(?:->|\.)/.test(other.slice(path.length)),
      ),
  );
}

/** The value that an index is below of: `x` of `--x`, `x - 1`. Such an index may pass the front, not the end. */
function lowersIndex(index: Node): string | null {
  const inner = unwrap(index);
  const { argument, left, right } = inner.fields;
  if (
    inner.type === 'update_expression' &&
    inner.operator === '--' &&
    argument &&
    inner.text.startsWith('--')
  )
    return pathOf(argument);
  const isConstant = right !== undefined && /^\d+[uUlL]*$/.test(unwrap(right).text);
  if (inner.type === 'binary_expression' && inner.operator === '-' && left && isConstant) return pathOf(left);
  return null;
}

/** The index was measured on the array itself: `s[strlen(s)]`, or a prefix compared over that length. */
function isMeasured(facts: FunctionFacts, access: Access): boolean {
  const base = compact(access.base);
  const path = pathOf(access.index);
  if (path === null) return false;
  return (
    facts.assignments.some(
      (assignment) =>
        assignment.path === path &&
        assignment.value !== null &&
        compact(assignment.value) === `strlen(${base})`,
    ) ||
    facts.calls.some(
      ({ name, args, node }) =>
        /^(?:strncmp|strncasecmp|memcmp)$/.test(name) &&
        node.start < access.node.start &&
        args.slice(0, 2).some((arg) => compact(arg) === base) &&
        args[2] !== undefined &&
        pathOf(args[2]) === path,
    )
  );
}

const indexUnchecked: Rule = {
  id: 'unchecked-index-write',
  cwe: ['CWE-787', 'CWE-129'],
  severity: 'high',
  title: 'Writes to an array at an index that was not compared with its length',
  help: 'The index comes from a parameter, a structure given by the caller or another input and takes part in no earlier comparison. Compare it with the number of elements first.',
  *check(facts) {
    for (const access of accessesOf(facts)) {
      if (!access.isWrite) continue;
      const paths = looseIndexPaths(facts, access);
      const base = pathsIn(access.base)[0];
      if (paths.length > 0 && !(base && isAllocatedWith(facts, base, new Set(paths))))
        yield {
          node: access.node,
          message: `write at index ${compact(access.index)} without a comparison before`,
        };
    }
  },
};

const indexUncheckedRead: Rule = {
  id: 'unchecked-index-read',
  cwe: ['CWE-125', 'CWE-129'],
  severity: 'medium',
  title: 'Reads an array at an index that was not compared with its length',
  help: 'As unchecked-index-write, for reads. Compare the index with the number of elements first.',
  *check(facts) {
    for (const access of accessesOf(facts)) {
      if (access.isWrite) continue;
      const paths = looseIndexPaths(facts, access);
      const base = pathsIn(access.base)[0];
      if (paths.length > 0 && !(base && isAllocatedWith(facts, base, new Set(paths))))
        yield {
          node: access.node,
          message: `read at index ${compact(access.index)} without a comparison before`,
        };
    }
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

/** True for counters: the function gives a constant start and moves it itself. */
function isCounted(facts: FunctionFacts, path: string): boolean {
  const assignments = facts.assignments.filter((assignment) => assignment.path === path);
  return (
    assignments.some(({ operator }) => operator === '++' || operator === '+=') &&
    assignments.some(
      ({ operator, value }) =>
        operator === '=' && value !== null && numberOf(value, facts.file.constants) !== null,
    )
  );
}

/** How many elements a base has: its declared size, or a size parameter's name. */
function capacityTexts(facts: FunctionFacts, base: Node): Set<string> {
  const texts = new Set<string>();
  const path = pathOf(base);
  const variable = path === null ? null : variableOf(facts, path);
  if (variable?.arraySize) {
    texts.add(compact(unwrap(variable.arraySize)));
    texts.add(`sizeof(${path})`);
    texts.add(`sizeof${path}`);
    texts.add(`sizeof(${path})/sizeof(${path}[0])`);
    texts.add(`sizeof(${path})/sizeof(*${path})`);
  }
  return texts;
}

const countName =
  /(?:^|_|->|\.)(?:n|len|length|cnt|count|size|cap|capacity|num|max|limit|total|slots|entries|rows|cols|width|height|used|room)(?:_?\w*)$/i;

/** True when a bound is the number of elements of the base, so that an index equal to it is one too far. */
function isCapacity(facts: FunctionFacts, base: Node, bound: Node): boolean {
  const text = compact(unwrap(bound));
  if (capacityTexts(facts, base).has(text)) return true;
  const path = pathOf(base);
  const variable = path === null ? null : variableOf(facts, path);
  if (variable?.arraySize) {
    const capacity = numberOf(variable.arraySize, facts.file.constants);
    return capacity !== null && numberOf(bound, facts.file.constants) === capacity;
  }
  const boundPath = pathOf(bound);
  const isGiven =
    boundPath !== null && (facts.variables.get(boundPath)?.isParameter ?? /->|\./.test(boundPath));
  const counts = isGiven && countName.test(boundPath!) && isTainted(facts, boundPath!);
  // `malloc(n + 1)` has room for index n.
  return counts && !(path !== null && hasRoomForOneMore(facts, path));
}

function hasRoomForOneMore(facts: FunctionFacts, path: string): boolean {
  return facts.assignments.some(
    ({ path: target, value }) =>
      target === path &&
      value !== null &&
      /\b(?:malloc|calloc|realloc|new)\b/.test(value.text) &&
      /\+1|1\+|\+2/.test(compact(value)),
  );
}

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

/** Something other than zero holds the value from below: `x < 4`, or `i > j`. */
function hasFloor(facts: FunctionFacts, path: string, before: number): boolean {
  return comparisonsOf(facts, [path], before).some(({ operator, left }) =>
    pathOf(left) === path
      ? operator.startsWith('>') || operator === '<'
      : operator.startsWith('<') || operator === '>',
  );
}

const uncheckedLoopBound: Rule = {
  id: 'unchecked-loop-bound',
  cwe: ['CWE-606', 'CWE-125'],
  severity: 'medium',
  title: 'A loop over an array ends at a count that the data itself gives',
  help: 'The count was read from the input and not compared with its length before the loop. Compare it first.',
  *check(facts) {
    for (const loop of collect(facts.body, 'for_statement', 'while_statement')) {
      const { condition, body } = loop.fields;
      if (!condition || !body) continue;
      for (const comparison of facts.comparisons) {
        if (!isInside(comparison.node, condition) || !/^[<>]=?$/.test(comparison.operator)) continue;
        const isLess = comparison.operator.startsWith('<');
        const counter = pathOf(isLess ? comparison.left : comparison.right);
        const bound = pathOf(isLess ? comparison.right : comparison.left);
        if (counter === null || bound === null || !isReadFromData(facts, bound, loop.start)) continue;
        if (boundsOf(facts, bound, condition.start).upper) continue;
        const otherChecks = comparisonsOf(facts, [counter], loop.end).filter(
          ({ node }) => node !== comparison.node,
        );
        const hit = accessesOf(facts).find(
          (access) => isInside(access.node, body) && pathsIn(access.index).includes(counter),
        );
        if (hit && otherChecks.length === 0)
          yield {
            node: hit.node,
            message: `${bound} comes from the data and was not compared with its length`,
          };
      }
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
    for (const loop of collect(facts.body, 'for_statement', 'while_statement')) {
      const condition = loop.fields.condition;
      const body = loop.fields.body;
      if (!condition || !body) continue;
      for (const comparison of facts.comparisons) {
        if (!isInside(comparison.node, condition)) continue;
        const [counter, bound] =
          comparison.operator === '<='
            ? [comparison.left, comparison.right]
            : comparison.operator === '>='
              ? [comparison.right, comparison.left]
              : [];
        const path = counter && pathOf(counter);
        if (!path || !bound) continue;
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

export const indexRules: readonly Rule[] = [
  indexUnchecked,
  indexUncheckedRead,
  indexNegative,
  indexUnderflow,
  uncheckedLoopBound,
  unboundedScan,
  offByOneLoop,
  offByOneGuard,
  growingIndex,
];
