import { type Comparison, type FunctionFacts, integerType, narrowType, type Variable } from './facts.js';
import { callName, compact, escapePattern, isNull, type Node, pathsIn, rootOf, unwrap } from './syntax.js';

/** The declaration behind a path: a local, a parameter, a global, or a member of any structure in the text. */
export function variableOf(facts: FunctionFacts, path: string): Variable | null {
  if (/^[A-Za-z_]\w*$/.test(path)) return facts.variables.get(path) ?? facts.file.globals.get(path) ?? null;
  const member = /(?:->|\.)([A-Za-z_]\w*)$/.exec(path)?.[1];
  if (member !== undefined) return facts.file.members.get(member) ?? null;
  const base = /^\*([A-Za-z_].*)$/.exec(path)?.[1] ?? /^(.*[\w\])])\[[^[]*\]$/.exec(path)?.[1];
  const whole = base === undefined ? null : variableOf(facts, base);
  return whole && elementOf(whole, path);
}

/** What `*p` or `a[i]` holds. */
function elementOf(whole: Variable, path: string): Variable {
  const isPointer = /\*\s*\*|\*.*\[/.test(whole.node.text);
  return {
    ...whole,
    name: path,
    isPointer,
    isArray: false,
    arraySize: null,
    isParameter: false,
    isInteger: !isPointer && integerType.test(whole.type),
    initialiser: null,
  };
}

/** True for a variable of 16 bits or fewer. */
export function isNarrow(facts: FunctionFacts, path: string): boolean {
  return narrowType.test(variableOf(facts, path)?.type ?? '');
}

export function isTainted(facts: FunctionFacts, path: string): boolean {
  return facts.tainted.has(path) || facts.tainted.has(rootOf(path));
}

/** The path and the paths that it was computed from, one step back. */
export function withSources(facts: FunctionFacts, path: string, before: number): string[] {
  const paths = [path];
  for (const assignment of facts.assignments)
    if (assignment.path === path && assignment.value && assignment.node.start <= before)
      paths.push(...pathsIn(assignment.value).filter((source) => source !== path));
  return paths;
}

/** Comparisons before a place in which one of the paths takes part on a side that is not a bare constant test. */
export function comparisonsOf(
  facts: FunctionFacts,
  paths: readonly string[],
  before: number,
): readonly Comparison[] {
  const wanted = new Set(paths);
  return facts.comparisons.filter(
    (comparison) =>
      comparison.node.start < before &&
      (comparison.leftPaths.some((path) => wanted.has(path)) ||
        comparison.rightPaths.some((path) => wanted.has(path))),
  );
}

/** True when a comparison behind a place looks at the path. */
export function isComparedAfter(facts: FunctionFacts, path: string, place: number): boolean {
  return facts.comparisons.some(
    ({ node, leftPaths, rightPaths }) =>
      node.start > place && (leftPaths.includes(path) || rightPaths.includes(path)),
  );
}

/** True when a call of one of the names behind a place reads the path in one of its arguments. */
export function isPassedAfter(facts: FunctionFacts, path: string, names: RegExp, place: number): boolean {
  return facts.calls.some(
    ({ name, args, node }) =>
      node.start > place && names.test(name) && args.some((arg) => pathsIn(arg).includes(path)),
  );
}

/** Calls that never give more than one of their arguments says. */
const boundedCalls =
  /^(?:strnlen|fread|recv|read|strlcpy|strlcat|min|MIN|MIN_T|min_t|std::min|strspn|strcspn)$/;

/** A cast to a byte holds a value by itself, and so does `& mask` or `% n`. */
export function isSelfBounded(node: Node): boolean {
  const isByteCast =
    node.type === 'cast_expression' &&
    /^(?:unsigned\s+char|uint8_t|u8)$/.test(node.fields.type?.text.trim() ?? '');
  return (
    isByteCast || (node.type === 'binary_expression' && (node.operator === '%' || node.operator === '&'))
  );
}

/** True when every value that a local ever gets is held by how it is made. */
export function isMadeBounded(facts: FunctionFacts, path: string, before: number): boolean {
  const values = facts.assignments.filter(
    (assignment) => assignment.path === path && assignment.operator === '=' && assignment.node.start < before,
  );
  return (
    values.length > 0 &&
    !facts.variables.get(path)?.isParameter &&
    values.every(({ value }) => {
      if (value === null) return false;
      if (isSelfBounded(value)) return true;
      const call = unwrap(value);
      return call.type === 'call_expression' && boundedCalls.test(callName(call) ?? '');
    })
  );
}

/** True when an earlier comparison looks at the value cast to an unsigned type, which catches negative ones too. */
export function isComparedAsUnsigned(facts: FunctionFacts, path: string, before: number): boolean {
  const pattern = new RegExp(`\\((?:unsigned|size_t|uint)[^)]*\\)\\(?${escapePattern(path)}(?!\\w)`);
  return facts.comparisons.some(({ node }) => node.start < before && pattern.test(compact(node)));
}

const flipped: Readonly<Record<string, string>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

/** What comparisons before a place say of a value: that it was held from above, from below, or told from zero. */
export function boundsOf(
  facts: FunctionFacts,
  path: string,
  before: number,
): { upper: boolean; lower: boolean; nonZero: boolean } {
  const paths = withSources(facts, path, before);
  const bounds = { upper: false, lower: false, nonZero: false };
  for (const { operator, left, right, leftPaths } of comparisonsOf(facts, paths, before)) {
    const isLeft = leftPaths.some((candidate) => paths.includes(candidate));
    const relation = isLeft ? operator : (flipped[operator] ?? operator);
    const other = unwrap(isLeft ? right : left);
    const isSmall = /^-?[01]$/.test(other.text);
    if (operator === '==' || operator === '!=') {
      bounds.nonZero ||= isNull(other);
      // `x == LIMIT` stops a counter that moves by one.
      bounds.upper ||= !isNull(other) && operator === '==';
      continue;
    }
    if (isSmall) {
      // `x < 0`, `x >= 0`, `x > 0`, `x <= 0`, `x < 1`, `x > -1`
      bounds.lower = true;
      bounds.nonZero ||= !(other.text === '0' && (relation === '<' || relation === '>='));
      bounds.upper ||= other.text === '1' && relation === '>';
    } else bounds.upper = true;
  }
  bounds.upper ||= isMadeBounded(facts, path, before);
  bounds.nonZero ||= facts.truthTests.some((test) => test.start < before && paths.includes(test.path));
  return bounds;
}
