import { boundsOf, comparisonsOf, isNarrow, isPassedAfter, isTainted, variableOf } from './bounds.js';
import { type FunctionFacts, narrowType } from './facts.js';
import {
  callArguments,
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

const wideType = /\b(?:size_t|ssize_t|u?int64_t|long|uintptr_t|off_t|u64|s64)\b/;
const intType = /\b(?:int|unsigned|u?int(?:8|16|32)_t|short|char|u(?:8|16|32))\b/;

/** Type of the place that an expression's value goes to: a variable, or the function's result. */
function targetType(facts: FunctionFacts, node: Node): string {
  const returned = enclosing(node, 'return_statement');
  if (returned && unwrap(returned.children[0] ?? returned) === outermostProduct(node))
    return facts.node.fields.type?.text ?? '';
  for (const { path, value } of facts.assignments)
    if (value && unwrap(value) === outermostProduct(node)) return variableOf(facts, path)?.type ?? '';
  return '';
}

function outermostProduct(node: Node): Node {
  let at = node;
  while (at.parent?.type === 'binary_expression' && /^[*+-]$/.test(at.parent.operator)) at = at.parent;
  return at;
}

const widenedProduct: Rule = {
  id: 'product-widened-late',
  cwe: ['CWE-190', 'CWE-681'],
  severity: 'medium',
  title: 'Multiplies in a narrow type and keeps the result in a wider one',
  help: 'The product of two int or uint32_t wraps before it becomes a size_t or 64-bit value. Cast one factor first.',
  *check(facts) {
    for (const node of collect(facts.body, 'binary_expression')) {
      const { left, right } = node.fields;
      if (node.operator !== '*' || !left || !right) continue;
      const paths = [pathOf(left), pathOf(right)];
      if (left.type === 'cast_expression' || right.type === 'cast_expression') continue;
      const areInts = paths.every((path) => {
        const type = path === null ? '' : (variableOf(facts, path)?.type ?? '');
        return path !== null && isTainted(facts, path) && intType.test(type) && !wideType.test(type);
      });
      const areNarrow = paths.some((path) => path !== null && isNarrow(facts, path));
      if (!areInts || areNarrow || !wideType.test(targetType(facts, node))) continue;
      if (paths.every((path) => boundsOf(facts, path!, node.start).upper)) continue;
      yield { node, message: `${compact(node)} wraps before it is widened` };
    }
  },
};

const narrowedLength: Rule = {
  id: 'narrowed-length',
  cwe: ['CWE-681', 'CWE-197'],
  severity: 'medium',
  title: 'Keeps a length in a type that is too small for it',
  help: 'strlen, sizeof or a sum of lengths stored in a short or char loses its upper bits, so that later checks see a smaller number. Use size_t.',
  *check(facts) {
    for (const { path, operator, value, node } of facts.assignments) {
      const variable = variableOf(facts, path);
      if (operator !== '=' || value === null || !variable?.isInteger || !narrowType.test(variable.type))
        continue;
      const inner = unwrap(value);
      const measures = collect(inner, 'call_expression').some((call) =>
        /^(?:strlen|strnlen|ftell|fread)$/.test(callName(call) ?? ''),
      );
      const sum =
        inner.type === 'binary_expression' &&
        /^[+*]$/.test(inner.operator) &&
        pathsIn(inner).filter((name) => isTainted(facts, name) && variableOf(facts, name)?.isInteger)
          .length >= 2;
      const copies =
        inner.type === 'identifier' &&
        variableOf(facts, inner.text)?.isParameter &&
        /\bsize_t\b/.test(variableOf(facts, inner.text)?.type ?? '');
      if (/\bchar\b/.test(variable.type) && !measures) continue;
      const sized = /^(?:malloc|calloc|memcpy|memmove|realloc)$/;
      const isSize = isPassedAfter(facts, path, sized, node.start);
      if (measures || (isSize && (sum || copies)))
        yield { node, message: `${path} (${variable.type}) may not hold ${compact(inner).slice(0, 40)}` };
    }
  },
};

const roundedDown: Rule = {
  id: 'allocation-rounded-down',
  cwe: ['CWE-131'],
  severity: 'medium',
  title: 'The size of an allocation is a quotient that is rounded down',
  help: 'n / 8 bytes have no room for the last n % 8 bits. Round up: (n + 7) / 8.',
  *check(facts) {
    for (const { name, args, node } of facts.calls) {
      if (!/^(?:malloc|calloc|alloca)$/.test(name)) continue;
      for (const arg of args) {
        const size = unwrap(arg);
        const { left, right } = size.fields;
        const isQuotient =
          size.type === 'binary_expression' && (size.operator === '/' || size.operator === '>>');
        if (
          isQuotient &&
          left &&
          right &&
          pathOf(left) !== null &&
          isTainted(facts, pathOf(left)!) &&
          numberOf(right, facts.file.constants) !== null
        )
          yield { node, message: `${compact(size)} is rounded down` };
      }
    }
  },
};

const negation: Rule = {
  id: 'negation-overflow',
  cwe: ['CWE-190'],
  severity: 'low',
  title: 'Negates a value that may be the smallest of its type',
  help: '-x and abs(x) are undefined for INT_MIN. Compare with it first, or negate in an unsigned type.',
  *check(facts) {
    const isRisky = (operand: Node | undefined): boolean => {
      const path = operand && pathOf(operand);
      const variable = path ? facts.variables.get(path) : undefined;
      if (
        !variable?.isParameter ||
        !variable.isInteger ||
        variable.isUnsigned ||
        narrowType.test(variable.type)
      )
        return false;
      return !comparisonsOf(facts, [variable.name], Number.POSITIVE_INFINITY).some(({ left, right }) =>
        /MIN|MAX/.test(left.text + right.text),
      );
    };
    for (const node of collect(facts.body, 'unary_expression'))
      if (node.operator === '-' && isRisky(node.fields.argument))
        yield { node, message: `${compact(node)} overflows for the smallest value` };
    for (const { name, args, node } of facts.calls)
      if (/^(?:l|ll)?abs$/.test(name) && isRisky(args[0]))
        yield { node, message: `${compact(node)} overflows for the smallest value` };
  },
};

const sizeName =
  /^(?:n|len|length|size|cap|capacity|max|limit|room|total|count|cnt|width|k|sz|bytes)$|(?:_|^)(?:len|size|cap|max|count|bytes|length)$|(?:Len|Size|Count)$|^(?:max|num|n)_/;

const unusedSize: Rule = {
  id: 'unused-size-parameter',
  cwe: ['CWE-119', 'CWE-787'],
  severity: 'medium',
  title: 'Is given the size of a buffer and never looks at it',
  help: 'A parameter named like a size stands beside a pointer, the function reads or writes the buffer, and the size is not used. Use it as the limit.',
  *check(facts) {
    const parameters = [...facts.variables.values()].filter((variable) => variable.isParameter);
    for (const [at, size] of parameters.entries()) {
      if (at === 0 || !size.isInteger || !sizeName.test(size.name)) continue;
      const buffer = parameters[at - 1]!;
      if (!buffer.isPointer) continue;
      const uses = collect(facts.body, 'identifier').filter((node) => node.text === size.name);
      if (uses.length > 0 || !isWalked(facts, buffer.name)) continue;
      yield { node: size.node, message: `${size.name} is never used to hold what is done to ${buffer.name}` };
    }
  },
};

/** True when elements of the buffer are touched: by subscript, by moving it, or by a call that fills or reads it. */
function isWalked(facts: FunctionFacts, path: string): boolean {
  return (
    collect(facts.body, 'subscript_expression').some(
      (node) => node.fields.argument && pathOf(node.fields.argument) === path,
    ) ||
    facts.assignments.some((assignment) => assignment.path === path && assignment.value === null) ||
    isPassedAfter(facts, path, /^(?:mem|str|sprintf|gets|scanf|read|recv)/, facts.body.start)
  );
}

const partialObject: Rule = {
  id: 'partially-initialised-object',
  cwe: ['CWE-908', 'CWE-457'],
  severity: 'medium',
  title: 'Hands out a new object of which some members were never set',
  help: 'malloc leaves old memory in the members that the function does not assign. Use calloc, or set every member.',
  *check(facts) {
    for (const { path, value, node } of facts.assignments) {
      const call = value && unwrap(value);
      if (call?.type !== 'call_expression' || callName(call) !== 'malloc') continue;
      const variable = facts.variables.get(path);
      const type = /(?:struct\s+)?([A-Za-z_]\w*)\s*$/.exec(variable?.type.trim() ?? '')?.[1];
      const members = type === undefined ? undefined : facts.file.structures.get(type);
      const isOne =
        /^sizeof\(?(?:\*|struct)/.test(compact(callArguments(call)[0] ?? call)) ||
        compact(callArguments(call)[0] ?? call) === `sizeof(${type})`;
      if (!members || members.length < 2 || !isOne) continue;
      const cleared =
        facts.calls.some(
          ({ args, name }) =>
            /^(?:memset|memcpy|bzero)$|init/.test(name) && args.some((arg) => pathOf(arg) === path),
        ) || facts.assignments.some((other) => other.path === `*${path}`);
      const handedOut = collect(facts.body, 'return_statement').some(
        (returned) =>
          returned.start > node.end && returned.children[0] && pathOf(returned.children[0]) === path,
      );
      const missing = members.filter((member) => !isMemberTouched(facts, path, member));
      if (!cleared && handedOut && missing.length > 0 && missing.length < members.length)
        yield { node, message: `${missing.join(', ')} of ${path} never set` };
    }
  },
};

function isMemberTouched(facts: FunctionFacts, path: string, member: string): boolean {
  return collect(facts.body, 'field_expression').some((node) => compact(node) === `${path}->${member}`);
}

const destructor = /free|destroy|delete|release|clean|fini|close|dtor|unref|teardown|dispose/i;

const danglingMember: Rule = {
  id: 'dangling-member',
  cwe: ['CWE-416', 'CWE-415'],
  severity: 'medium',
  title: 'Frees what a member points to and leaves the pointer in place',
  help: 'The structure lives on, and its next user follows or frees the old pointer. Set the member to NULL after freeing. Silent in functions that end the structure itself.',
  *check(facts) {
    for (const { name, args, node } of facts.calls) {
      const path = args[0] && pathOf(args[0]);
      if (name !== 'free' || !path || !/^\w+->\w+$/.test(path)) continue;
      const root = path.replace(/->.*/, '');
      if (!facts.variables.get(root)?.isParameter) continue;
      const renewed =
        facts.assignments.some(
          (assignment) => assignment.path === path && assignment.node.start > node.start,
        ) ||
        facts.calls.some(
          (call) =>
            call.node.start > node.start &&
            call.args.some((arg) => pathOf(arg) === root || compact(arg) === `*${root}`),
        );
      const resets = facts.assignments.some(
        (assignment) =>
          assignment.path.startsWith(`${root}->`) &&
          assignment.node.start > node.start &&
          assignment.operator === '=',
      );
      const branch = enclosing(node, 'if_statement');
      const failed =
        branch !== null &&
        collect(branch, 'return_statement').some(
          (returned) => returned.start > node.start && isInside(returned, branch),
        );
      if (!renewed && (resets || (failed && !destructor.test(facts.name))))
        yield { node, message: `${path} still points to what was freed` };
    }
  },
};

export const sizeRules: readonly Rule[] = [
  widenedProduct,
  narrowedLength,
  roundedDown,
  negation,
  unusedSize,
  partialObject,
  danglingMember,
];
