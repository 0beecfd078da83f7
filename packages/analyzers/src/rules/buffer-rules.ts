import { boundsOf, isComparedAfter, isTainted, variableOf, withSources } from './bounds.js';
import type { Call, FunctionFacts } from './facts.js';
import {
  collect,
  compact,
  isStringLiteral,
  type Node,
  numberOf,
  pathOf,
  pathsIn,
  rootOf,
  unwrap,
} from './syntax.js';
import type { Rule } from './types.js';

/** Names and expressions that hold the length of a string: `strlen(s)` and what it was stored in. */
function lengthNames(facts: FunctionFacts, source: string): Set<string> {
  const names = new Set([`strlen(${source})`, `strnlen(${source}`]);
  for (const { path, value } of facts.assignments)
    if (value && [...names].some((name) => compact(value).includes(name))) names.add(path);
  return names;
}

function mentions(node: Node, names: ReadonlySet<string>): boolean {
  const text = compact(node);
  return (
    [...names].some((name) => name.includes('(') && text.includes(name)) ||
    pathsIn(node).some((path) => names.has(path))
  );
}

/** True when the destination was allocated with a size that mentions one of the names. */
export function isAllocatedWith(
  facts: FunctionFacts,
  destination: string,
  names: ReadonlySet<string>,
): boolean {
  const roots = new Set([destination, rootOf(destination)]);
  const assignments = facts.assignments.filter(
    ({ path, value }) =>
      roots.has(path) && value !== null && collect(value, 'call_expression', 'new_expression').length > 0,
  );
  if (assignments.some(({ value }) => mentions(value!, names))) return true;
  // `total = a + b; p = malloc(total); memcpy(p, from, a)`
  const indirect = assignments.flatMap(({ value, node }) =>
    pathsIn(value!).flatMap((path) => withSources(facts, path, node.start)),
  );
  if (indirect.some((path) => names.has(path))) return true;
  const size = variableOf(facts, destination)?.arraySize;
  return size !== null && size !== undefined && mentions(size, names);
}

/** True when the length of `source` was compared with something before the call, or the destination is made to fit. */
function isLengthKnown(facts: FunctionFacts, call: Call, source: Node): boolean {
  if (isStringLiteral(source)) return true;
  const names = lengthNames(facts, compact(unwrap(source)));
  if (facts.comparisons.some(({ node }) => node.start < call.node.start && mentions(node, names)))
    return true;
  const destination = call.args[0] && pathOf(call.args[0]);
  return typeof destination === 'string' && isAllocatedWith(facts, destination, names);
}

function hasUnboundedString(format: Node): boolean {
  return isStringLiteral(format) && /%[-+ #0]*(?:\d+)?l?s/.test(format.text);
}

const unboundedCopy: Rule = {
  id: 'unbounded-copy',
  cwe: ['CWE-120', 'CWE-787'],
  severity: 'high',
  title: 'Copies a string of unknown length into a buffer',
  help: 'gets, and strcpy, strcat, stpcpy, sprintf("%s") whose source was never measured against the destination. Silent when strlen of the source takes part in an earlier comparison or in the size of the allocation. Measure first, or use snprintf with the size of the destination.',
  *check(facts) {
    for (const call of facts.calls) {
      const source = call.args[1];
      if (call.name === 'gets')
        yield { node: call.node, message: 'gets cannot be told the size of the buffer' };
      else if (/^(?:strcpy|strcat|stpcpy|wcscpy|wcscat|lstrcpy|_mbscpy)$/.test(call.name) && source) {
        if (!isLengthKnown(facts, call, source))
          yield {
            node: call.node,
            message: `${call.name} copies a string whose length was not compared with the buffer`,
          };
      } else if (/^v?sprintf$/.test(call.name) && source) {
        const strings = call.args
          .slice(2)
          .filter((arg) => !isStringLiteral(arg) && numberOf(arg, facts.file.constants) === null);
        if (
          call.name === 'vsprintf' ||
          (hasUnboundedString(source) && strings.some((arg) => !isLengthKnown(facts, call, arg)))
        )
          yield { node: call.node, message: `${call.name} writes a string of unknown length` };
      }
    }
  },
};

const scanfString: Rule = {
  id: 'scanf-unbounded',
  cwe: ['CWE-120'],
  severity: 'high',
  title: 'scanf reads a string without a field width',
  help: '%s or %[ without a width in scanf, fscanf or sscanf. Give the size of the buffer minus one as width.',
  *check(facts) {
    for (const { name, args, node } of facts.calls) {
      const format = args[name === 'scanf' ? 0 : 1];
      if (/^(?:scanf|fscanf|sscanf)$/.test(name) && format && /%(?:l|h)?[s[]/.test(format.text))
        yield { node, message: `${name} reads a string without a field width` };
    }
  },
};

const copyCalls: Readonly<Record<string, { readonly destination: number; readonly length: number }>> = {
  memcpy: { destination: 0, length: 2 },
  memmove: { destination: 0, length: 2 },
  memset: { destination: 0, length: 2 },
  bcopy: { destination: 1, length: 2 },
  strncpy: { destination: 0, length: 2 },
  read: { destination: 1, length: 2 },
  recv: { destination: 1, length: 2 },
  copy_from_user: { destination: 0, length: 2 },
  memchr: { destination: 0, length: 2 },
  memcmp: { destination: 0, length: 2 },
};

/** Paths of a length that come from outside and that nothing held from above before the call. */
function unboundedPaths(facts: FunctionFacts, length: Node, before: number): string[] {
  const paths = new Set(
    pathsIn(length).filter((path) => isTainted(facts, path) && (variableOf(facts, path)?.isInteger ?? true)),
  );
  return [...paths].filter(
    (path) => !boundsOf(facts, path, before).upper && !variableOf(facts, path)?.isPointer,
  );
}

const uncheckedLength: Rule = {
  id: 'unchecked-copy-length',
  cwe: ['CWE-787', 'CWE-120'],
  severity: 'high',
  title: 'Copies a number of bytes that was not compared with the size of the buffer',
  help: 'memcpy, memmove, memset, strncpy, read, recv with a length from a parameter, a message or another input that takes part in no earlier comparison. Silent when the destination was allocated with that length. Compare the length with the size of both buffers first.',
  *check(facts) {
    for (const call of facts.calls) {
      const shape = copyCalls[call.name];
      const length = shape && call.args[shape.length];
      const destination = shape && call.args[shape.destination];
      if (!shape || !length || !destination || /^mem(?:chr|cmp)$/.test(call.name)) continue;
      const paths = unboundedPaths(facts, length, call.node.end);
      const target = pathsIn(destination)[0];
      if (paths.length === 0 || (target !== undefined && isAllocatedWith(facts, target, new Set(paths))))
        continue;
      if (isSizeOfDestination(facts, destination, length, fills.test(call.name))) continue;
      yield {
        node: call.node,
        message: `${call.name} trusts ${paths.join(', ')} without a comparison before`,
      };
    }
  },
};

const fills = /^(?:strncpy|memset)$/;

/** `f(buf, size)`: a size parameter that stands beside its own buffer says how large it is. */
export function isSizeOfDestination(
  facts: FunctionFacts,
  destination: Node,
  length: Node,
  anyName: boolean,
): boolean {
  const size = pathOf(length);
  const target = pathOf(destination);
  const parameters = [...facts.variables.values()].filter((variable) => variable.isParameter);
  const at = parameters.findIndex((variable) => variable.name === target);
  return (
    at !== -1 &&
    size !== null &&
    parameters[at + 1]?.name === size &&
    (anyName || /size|cap|max|room|^n$|limit/i.test(size))
  );
}

const unterminated: Rule = {
  id: 'strncpy-unterminated',
  cwe: ['CWE-170'],
  severity: 'medium',
  title: 'strncpy may leave the destination without a terminator',
  help: 'strncpy writes no zero byte when the source fills the buffer. Silent when the function stores a zero into the destination or clears it first. Set the last byte to zero, or use snprintf.',
  *check(facts) {
    for (const { name, args, node } of facts.calls) {
      const target = args[0] && compact(unwrap(args[0]));
      if (name !== 'strncpy' || !target) continue;
      const root = rootOf(target);
      const terminates = collect(facts.body, 'assignment_expression').some((assignment) => {
        const left = assignment.fields.left;
        return (
          left &&
          /[[*]/.test(left.text) &&
          rootOf(compact(left)) === root &&
          /^(?:0|'\\0'|'\\x00'|'\\000'|NUL)$/.test(assignment.fields.right?.text ?? '')
        );
      });
      const clears = facts.calls.some(
        (call) =>
          (call.name === 'memset' || call.name === 'bzero' || call.name === 'explicit_bzero') &&
          call.args[0] &&
          rootOf(compact(call.args[0])) === root,
      );
      const zeroed = facts.assignments.some(
        ({ path, value }) =>
          path === root &&
          value &&
          (/calloc|kzalloc/.test(value.text) || /^\{/.test(value.text) || isStringLiteral(value)),
      );
      const bounded = args[1] !== undefined && isStringLiteral(args[1]);
      if (!terminates && !clears && !zeroed && !bounded)
        yield { node, message: `strncpy into ${target} is not followed by a terminator` };
    }
  },
};

const sizeofPointer: Rule = {
  id: 'sizeof-pointer',
  cwe: ['CWE-467'],
  severity: 'medium',
  title: 'sizeof of a pointer where the size of the buffer is meant',
  help: 'The size of a pointer parameter or variable given as length to a memory or string function. Pass the size of the buffer along, or take sizeof of what it points to.',
  *check(facts) {
    const names =
      /^(?:mem(?:set|cpy|move|cmp)|strn(?:cpy|cat|cmp)|snprintf|fgets|read|recv|malloc|calloc|bzero)$/;
    for (const call of facts.calls) {
      if (!names.test(call.name)) continue;
      for (const arg of call.args)
        for (const size of collect(arg, 'sizeof_expression')) {
          const operand = size.fields.value ?? size.children[0];
          const path = operand && unwrap(operand).type === 'identifier' ? unwrap(operand).text : null;
          const variable = path === null ? null : variableOf(facts, path);
          // `n * sizeof(p)` for an array of pointers is right when the destination holds pointers.
          if (variable?.isPointer && !variable.isArray && !/\*\s*\*/.test(variable.node.text))
            yield { node: size, message: `sizeof(${path}) is the size of a pointer` };
        }
    }
  },
};

const writesPast: Rule = {
  id: 'size-exceeds-buffer',
  cwe: ['CWE-787', 'CWE-121'],
  severity: 'high',
  title: 'The size given to a call is larger than the array it fills',
  help: 'A constant size passed with an array whose declared size is a smaller constant, or strncat given the whole size of its destination. Use sizeof of the array, minus what is in it for strncat.',
  *check(facts) {
    const positions: Readonly<Record<string, readonly [number, number]>> = {
      fgets: [0, 1],
      snprintf: [0, 1],
      read: [1, 2],
      recv: [1, 2],
      memcpy: [0, 2],
      memset: [0, 2],
      memmove: [0, 2],
      strncpy: [0, 2],
      strncat: [0, 2],
    };
    for (const call of facts.calls) {
      const position = positions[call.name];
      const target = position && call.args[position[0]];
      const size = position && call.args[position[1]];
      const path = target && pathOf(target);
      if (!path || !size) continue;
      const variable = variableOf(facts, path);
      if (
        call.name === 'strncat' &&
        /^sizeof\(?[\w.>-]+\)?$/.test(compact(size)) &&
        compact(size).includes(path)
      ) {
        yield {
          node: call.node,
          message: `strncat is given the whole size of ${path}, not what is left of it`,
        };
        continue;
      }
      if (!variable?.arraySize || !/\bchar\b|\bu?int8_t\b/.test(variable.type)) continue;
      const capacity = numberOf(variable.arraySize, facts.file.constants);
      const wanted = numberOf(size, facts.file.constants);
      if (capacity !== null && wanted !== null && wanted > capacity)
        yield {
          node: call.node,
          message: `${call.name} may fill ${wanted} bytes of ${path}, which has ${capacity}`,
        };
    }
  },
};

const snprintfOffset: Rule = {
  id: 'snprintf-offset',
  cwe: ['CWE-787', 'CWE-131'],
  severity: 'medium',
  title: 'The result of snprintf moves a position without being checked',
  help: 'snprintf returns what it would have written, which may be more than the room. Adding it to a position without a comparison lets the next write start behind the buffer. Compare the result with the room first.',
  *check(facts) {
    for (const { path, operator, value, node } of facts.assignments) {
      if (operator !== '+=' || !value || !/^(?:v?snprintf)\(/.test(compact(unwrap(value)))) continue;
      if (!isComparedAfter(facts, path, node.end))
        yield { node, message: `${path} grows by the result of snprintf, which may pass the end` };
    }
  },
};

export const bufferRules: readonly Rule[] = [
  unboundedCopy,
  scanfString,
  uncheckedLength,
  unterminated,
  sizeofPointer,
  writesPast,
  snprintfOffset,
];
