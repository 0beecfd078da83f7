import { boundsOf, comparisonsOf, isSelfBounded, isTainted, variableOf } from './bounds.js';
import type { FunctionFacts } from './facts.js';
import { collect, compact, type Node, numberOf, pathOf, pathsIn, unwrap } from './syntax.js';

export interface Access {
  readonly node: Node;
  readonly base: Node;
  readonly index: Node;
  readonly isWrite: boolean;
}

export function isWritten(node: Node): boolean {
  const parent = node.parent;
  if (!parent) return false;
  if (parent.type === 'assignment_expression') return parent.fields.left === node;
  if (parent.type === 'update_expression') return true;
  if (parent.type === 'field_expression' || parent.type === 'subscript_expression') return isWritten(parent);
  return false;
}

/** `a[i]` and `*(a + i)`. */
export function accessesOf(facts: FunctionFacts): Access[] {
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
export function isMasked(index: Node): boolean {
  return collect(index, 'binary_expression', 'cast_expression').some(isSelfBounded);
}

/** A value of a type too small to leave the array. */
export function fitsByType(facts: FunctionFacts, path: string, base: Node): boolean {
  const type = variableOf(facts, path)?.type ?? '';
  if (!/\bunsigned char\b|\buint8_t\b|\bu8\b/.test(type)) return false;
  const basePath = pathOf(base);
  const size = basePath === null ? null : variableOf(facts, basePath)?.arraySize;
  const capacity = size ? numberOf(size, facts.file.constants) : null;
  return capacity !== null && capacity >= 256;
}

/** Paths of an index whose value the function neither made itself nor held from above. */
export function looseIndexPaths(facts: FunctionFacts, access: Access): string[] {
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
export function lowersIndex(index: Node): string | null {
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
export function isMeasured(facts: FunctionFacts, access: Access): boolean {
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

/** True for counters: the function gives a constant start and moves it itself. */
export function isCounted(facts: FunctionFacts, path: string): boolean {
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
export function capacityTexts(facts: FunctionFacts, base: Node): Set<string> {
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
export function isCapacity(facts: FunctionFacts, base: Node, bound: Node): boolean {
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

export function hasRoomForOneMore(facts: FunctionFacts, path: string): boolean {
  return facts.assignments.some(
    ({ path: target, value }) =>
      target === path &&
      value !== null &&
      /\b(?:malloc|calloc|realloc|new)\b/.test(value.text) &&
      /\+1|1\+|\+2/.test(compact(value)),
  );
}

/** Something other than zero holds the value from below: `x < 4`, or `i > j`. */
export function hasFloor(facts: FunctionFacts, path: string, before: number): boolean {
  return comparisonsOf(facts, [path], before).some(({ operator, left }) =>
    pathOf(left) === path
      ? operator.startsWith('>') || operator === '<'
      : operator.startsWith('<') || operator === '>',
  );
}
