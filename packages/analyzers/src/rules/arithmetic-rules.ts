import {
  boundsOf,
  comparisonsOf,
  isComparedAsUnsigned,
  isNarrow,
  isPassedAfter,
  isTainted,
  variableOf,
} from './bounds.js';
import type { FunctionFacts } from './facts.js';
import {
  callName,
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

/** Integer paths of an expression that come from outside. */
function inputsOf(facts: FunctionFacts, node: Node): string[] {
  return [...new Set(pathsIn(node))].filter((path) => {
    const variable = variableOf(facts, path);
    return (
      isTainted(facts, path) &&
      (variable ? variable.isInteger : /->|\.|^\*/.test(path)) &&
      !variable?.isPointer
    );
  });
}

/** True when a product of the two was checked by a division, or by an overflow builtin, or each was held. */
function isProductChecked(facts: FunctionFacts, node: Node, paths: readonly string[]): boolean {
  if (facts.calls.some((call) => /overflow|reallocarray|array_size|size_mul|check_mul/.test(call.name)))
    return true;
  return paths.every((path) => boundsOf(facts, path, node.start).upper);
}

const allocProduct: Rule = {
  id: 'allocation-overflow',
  cwe: ['CWE-190', 'CWE-131'],
  severity: 'high',
  title: 'The size of an allocation is a product that may wrap',
  help: 'malloc or realloc of a product (or sum) with a count from outside that was not compared with a limit. A wrapped size gives a small buffer. Use calloc, or compare the count with SIZE_MAX divided by the size of an element.',
  *check(facts) {
    for (const { name, args, node } of facts.calls) {
      const size = /^(?:malloc|alloca|xmalloc|kmalloc|kzalloc|g_malloc|av_malloc)$/.test(name)
        ? args[0]
        : /^(?:realloc|krealloc)$/.test(name)
          ? args[1]
          : undefined;
      if (!size) continue;
      const product = collect(size, 'binary_expression').find(
        (inner) =>
          inner.operator === '*' &&
          inner.fields.left &&
          inner.fields.right &&
          inputsOf(facts, inner).length > 0,
      );
      if (!product) continue;
      const paths = inputsOf(facts, product);
      if (!isProductChecked(facts, node, paths))
        yield { node: product, message: `${compact(product)} may wrap before it is allocated` };
    }
    yield* narrowSizes(facts);
  },
};

/** `uint32_t n = a * b; p = malloc(n);` */
function* narrowSizes(facts: FunctionFacts): Generator<{ node: Node; message: string }> {
  for (const { path, value, node } of facts.assignments) {
    const product = value && unwrap(value);
    if (product?.type !== 'binary_expression' || !/^[*+]$/.test(product.operator)) continue;
    const paths = inputsOf(facts, product);
    if (product.operator === '+' && paths.length < 2 && !/^\w+\+\d+$/.test(compact(product))) continue;
    const isWide = !/\b(?:short|char|u?int(?:8|16)_t)\b/.test(variableOf(facts, path)?.type ?? 'short');
    if (product.operator === '+' && isWide && paths.every((input) => isNarrow(facts, input))) continue;
    const allocates = isPassedAfter(facts, path, /^(?:malloc|realloc|alloca|calloc)$/, node.start);
    const checkedAfter = comparisonsOf(facts, [path], Number.POSITIVE_INFINITY).length > 0;
    if (allocates && paths.length > 0 && !checkedAfter && !isProductChecked(facts, node, paths))
      yield { node: product, message: `${compact(product)} may wrap before it is allocated` };
  }
}

const wrappingCheck: Rule = {
  id: 'wrapping-bound-check',
  cwe: ['CWE-190'],
  severity: 'high',
  title: 'A bound is checked on a sum that may wrap',
  help: 'In `a + b > limit` with two values from outside the sum may wrap and pass. Write `a > limit || b > limit - a`.',
  *check(facts) {
    for (const { operator, left, right, node } of facts.comparisons) {
      if (operator.length > 2 || operator === '==' || operator === '!=') continue;
      for (const side of [left, right]) {
        const sum = unwrap(side);
        if (sum.type !== 'binary_expression' || !/^[+*]$/.test(sum.operator)) continue;
        const paths = inputsOf(facts, sum);
        const other = side === left ? right : left;
        if (paths.length < 2 || pathsIn(other).length === 0) continue;
        // A member and a parameter: the member is most often kept in order by the code around.
        if (new Set(paths.map((path) => /->|\./.test(path))).size > 1) continue;
        // A cast to a wider type, or a value already held by itself, cannot wrap.
        const wide = /\((?:u?int64_t|unsigned long long|long long|size_t|uint64_t)\)/.test(compact(sum));
        const narrow = paths.every((path) => isNarrow(facts, path));
        const held = paths.some((path) => boundsOf(facts, path, node.start).upper);
        if (!wide && !held && !narrow) yield { node, message: `${compact(sum)} may wrap and pass the check` };
      }
    }
  },
};

const unsignedSubtraction: Rule = {
  id: 'unsigned-underflow',
  cwe: ['CWE-191'],
  severity: 'medium',
  title: 'Subtracts from an unsigned value that may be smaller',
  help: 'An unsigned length from outside is reduced without an earlier comparison; a small one becomes huge. Compare first.',
  *check(facts) {
    for (const node of collect(facts.body, 'binary_expression', 'assignment_expression')) {
      if (node.operator !== '-' && node.operator !== '-=') continue;
      const { left, right } = node.fields;
      // `from + n - 8` takes from n.
      const inner = left && unwrap(left);
      const taken = inner?.operator === '+' && inner.fields.right ? inner.fields.right : left;
      const path = taken && pathOf(taken);
      const variable = path ? variableOf(facts, path) : null;
      if (!path || !right || !variable?.isInteger || !variable.isUnsigned || !isTainted(facts, path))
        continue;
      if (comparisonsOf(facts, [path], node.start).length > 0 || boundsOf(facts, path, node.start).nonZero)
        continue;
      if (enclosing(node, 'subscript_argument_list') && numberOf(right, facts.file.constants) === null)
        continue;
      if (isComparisonSide(facts, node)) continue;
      // `size - 1` as room for text: who gives a size gives one above zero.
      if (
        /^1[uUlL]*$/.test(unwrap(right).text) &&
        enclosing(node, 'argument_list', 'subscript_argument_list')
      )
        continue;
      if (/strlen\(/.test(compact(right)) && enclosing(node, 'argument_list')) continue;
      yield { node, message: `${compact(node)} wraps when ${path} is smaller` };
    }
  },
};

function isComparisonSide(facts: FunctionFacts, node: Node): boolean {
  return (
    facts.comparisons.some(
      (comparison) => isInside(node, comparison.node) && !/->/.test(comparison.operator),
    ) && enclosing(node, 'for_statement', 'while_statement') !== null
  );
}

const divisionUnchecked: Rule = {
  id: 'unchecked-divisor',
  cwe: ['CWE-369'],
  severity: 'medium',
  title: 'Divides by a value that may be zero',
  help: 'The divisor comes from a parameter or another input and was never told from zero. Test it first.',
  *check(facts) {
    for (const node of collect(facts.body, 'binary_expression', 'assignment_expression')) {
      if (!/^[/%]=?$/.test(node.operator)) continue;
      const right = node.fields.right && unwrap(node.fields.right);
      if (!right) continue;
      const paths = inputsOf(facts, right).filter(
        (path) => right.type !== 'conditional_expression' && pathsIn(right).includes(path),
      );
      if (paths.length === 0 || /\+1\)?$|^\(?1\+/.test(compact(right)) || /\|1\b/.test(compact(right)))
        continue;
      const text = compact(right);
      const tested =
        paths.every((path) => {
          const bounds = boundsOf(facts, path, node.start);
          return (
            bounds.nonZero ||
            (bounds.upper && isLoopCounter(facts, path)) ||
            comparedFromBelow(facts, path, node.start)
          );
        }) ||
        facts.comparisons.some(
          (comparison) =>
            comparison.node.start < node.start &&
            (compact(comparison.left).includes(text) || compact(comparison.right).includes(text)) &&
            text.length > 2 &&
            right.type !== 'identifier' &&
            right.type !== 'field_expression',
        );
      const isDouble = paths.some((path) => /\b(?:float|double)\b/.test(variableOf(facts, path)?.type ?? ''));
      if (!tested && !isDouble) yield { node, message: `${compact(right)} may be zero` };
    }
  },
};

function isLoopCounter(facts: FunctionFacts, path: string): boolean {
  return facts.assignments.some((assignment) => assignment.path === path && assignment.operator === '++');
}

/** `x < MIN` or `x > y`: something other than zero holds it from below. */
function comparedFromBelow(facts: FunctionFacts, path: string, before: number): boolean {
  return comparisonsOf(facts, [path], before).some(({ operator, left, right, leftPaths }) => {
    const isLeft = leftPaths.includes(path);
    const other = numberOf(isLeft ? right : left, facts.file.constants);
    return (isLeft ? operator === '<' : operator === '>') && other !== null && other >= 1;
  });
}

const shiftUnchecked: Rule = {
  id: 'unchecked-shift',
  cwe: ['CWE-1335'],
  severity: 'low',
  title: 'Shifts by a value that may be as large as the type',
  help: 'A shift by the width of the type or more, or by a negative number, is undefined. Compare the distance with the width first.',
  *check(facts) {
    for (const node of collect(facts.body, 'binary_expression')) {
      if (node.operator !== '<<' && node.operator !== '>>') continue;
      const right = node.fields.right && unwrap(node.fields.right);
      const path = right && pathOf(right);
      if (!path || !variableOf(facts, path)?.isInteger || !isTainted(facts, path)) continue;
      if (!boundsOf(facts, path, node.start).upper)
        yield { node, message: `${path} may be larger than the type is wide` };
    }
  },
};

const sizeUse =
  /^(?:mem(?:cpy|move|set)|malloc|calloc|realloc|read|recv|fread|fwrite|write|strncpy|snprintf|alloca|copy_from_user|copy_to_user)$/;

const signedLength: Rule = {
  id: 'negative-length',
  cwe: ['CWE-195', 'CWE-839'],
  severity: 'high',
  title: 'A signed length is held from above only and then used as a size',
  help: 'A negative length passes the check and becomes a huge size_t. Refuse values below 0, or take the length as size_t.',
  *check(facts) {
    for (const { name, args, node } of facts.calls) {
      if (!sizeUse.test(name)) continue;
      for (const arg of args) {
        const path = pathOf(arg);
        const variable = path === null ? null : variableOf(facts, path);
        if (path === null || !variable?.isInteger || variable.isUnsigned || !isTainted(facts, path)) continue;
        if (arg !== args.at(-1) && name !== 'calloc' && !/^(?:snprintf|fread|fwrite)$/.test(name)) continue;
        if (name === 'memset' && arg === args[1]) continue;
        const bounds = boundsOf(facts, path, node.start);
        const casts = isComparedAsUnsigned(facts, path, node.start);
        if (bounds.upper && !bounds.lower && !casts)
          yield { node, message: `${path} may be negative and is then taken as a size` };
      }
    }
  },
};

const stackSize: Rule = {
  id: 'unbounded-stack-allocation',
  cwe: ['CWE-770', 'CWE-789'],
  severity: 'medium',
  title: 'The size of a stack allocation comes from outside',
  help: 'alloca or a variable-length array with a size that was not compared with a limit may move the stack pointer anywhere. Set a limit, or use malloc.',
  *check(facts) {
    for (const variable of facts.variables.values()) {
      const size = variable.arraySize;
      if (!variable.isArray || !size) continue;
      const loose = inputsOf(facts, size).filter((path) => !boundsOf(facts, path, size.start).upper);
      const strings = collect(size, 'call_expression').some((call) => callName(call) === 'strlen');
      if (loose.length > 0 || strings)
        yield { node: variable.node, message: `${variable.name} has a size from outside: ${compact(size)}` };
    }
    for (const { name, args, node } of facts.calls) {
      const size = args[0];
      if (!/^(?:alloca|__builtin_alloca|_alloca)$/.test(name) || !size) continue;
      if (
        inputsOf(facts, size).some((path) => !boundsOf(facts, path, node.start).upper) ||
        /strlen/.test(size.text)
      )
        yield { node, message: `alloca of ${compact(size)}, which comes from outside` };
    }
  },
};

const signedOverflow: Rule = {
  id: 'signed-overflow',
  cwe: ['CWE-190'],
  severity: 'medium',
  title: 'Adds or multiplies signed values from outside that may overflow',
  help: 'Two signed int or long parameters combined without an earlier comparison of either. Compare with INT_MAX minus the other, widen first, or use __builtin_add_overflow.',
  *check(facts) {
    for (const node of collect(facts.body, 'binary_expression')) {
      if (!/^[+*]$/.test(node.operator)) continue;
      const { left, right } = node.fields;
      const paths = [left, right].map((side) => (side ? pathOf(side) : null));
      if (!left || !right || paths.some((path) => path === null) || /^\(/.test(left.text)) continue;
      const isSignedInput = (path: string): boolean => {
        const variable = facts.variables.get(path);
        if (!variable) return false;
        return (
          variable.isParameter &&
          variable.isInteger &&
          !variable.isUnsigned &&
          /\b(?:int|long|int32_t|int64_t)\b/.test(variable.type)
        );
      };
      if (!paths.every((path) => isSignedInput(path!))) continue;
      if (paths.some((path) => comparisonsOf(facts, [path!], node.start).length > 0)) continue;
      if (
        facts.calls.some((call) => /overflow/.test(call.name)) ||
        /long long|int64|double|float/.test(resultType(facts, node))
      )
        continue;
      yield { node, message: `${compact(node)} may overflow` };
    }
  },
};

function resultType(facts: FunctionFacts, node: Node): string {
  const cast = enclosing(node, 'cast_expression');
  return cast && isInside(node, cast) && pathOf(node) !== null
    ? (facts.variables.get('')?.type ?? cast.text)
    : '';
}

export const arithmeticRules: readonly Rule[] = [
  allocProduct,
  wrappingCheck,
  unsignedSubtraction,
  divisionUnchecked,
  shiftUnchecked,
  signedLength,
  stackSize,
  signedOverflow,
];
