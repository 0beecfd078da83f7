import type { FunctionFacts } from './facts.js';
import { allocationCalls, freeCalls, leaves } from './lifetime-rules.js';
import {
  callArguments,
  callName,
  collect,
  compact,
  enclosing,
  escapePattern,
  isInside,
  type Node,
  pathOf,
  pathsIn,
  statementOf,
  unwrap,
} from './syntax.js';
import type { Rule } from './types.js';

function isReleasedOrPassedOn(facts: FunctionFacts, variable: string, before: number): boolean {
  return (
    facts.calls.some(
      ({ name, args, node }) =>
        node.start < before &&
        args.some((arg) => pathOf(arg) === variable) &&
        !/^(?:mem|str|f?printf|snprintf|sprintf|fgets|fread|fwrite|fputs|fseek|ftell|read|write|printf|fscanf|sscanf|puts)/.test(
          name,
        ),
    ) ||
    facts.assignments.some(
      ({ path, value, node }) =>
        node.start < before &&
        value !== null &&
        pathOf(value) === variable &&
        path !== variable &&
        !isLocalPointer(facts, path),
    )
  );
}

function isLocalPointer(facts: FunctionFacts, path: string): boolean {
  const variable = facts.variables.get(path);
  return variable !== undefined && !variable.isParameter;
}

/** True when a return can only be reached with the pointer NULL: it sits in the branch that tests for that. */
function isWhereNull(returned: Node, variable: string): boolean {
  for (let at: Node = returned; at.parent !== null; at = at.parent) {
    if (at.parent.type !== 'if_statement' || at.parent.fields.consequence !== at) continue;
    const condition = compact(at.parent.fields.condition ?? at);
    const escaped = escapePattern(variable);
    // With `||` another reason may have led here.
    if (condition.includes('||')) continue;
    if (
      new RegExp(`!${escaped}\\b|\\b${escaped}==(?:NULL|0|nullptr)|(?:NULL|0|nullptr)==${escaped}\\b`).test(
        condition,
      )
    )
      return true;
  }
  return false;
}

const missingFree: Rule = {
  id: 'missing-free',
  cwe: ['CWE-401', 'CWE-772'],
  severity: 'low',
  title: 'Returns without freeing what it allocated',
  help: 'A local pointer from malloc, calloc, strdup or fopen is neither freed, nor returned, nor stored, nor passed on before a return. Free it on every path.',
  *check(facts) {
    for (const { path, value, node } of facts.assignments) {
      const call = value && unwrap(value);
      if (
        call?.type !== 'call_expression' ||
        !allocationCalls.test(callName(call) ?? '') ||
        !isLocalPointer(facts, path)
      )
        continue;
      const escapesLater = facts.assignments.some(
        (other) =>
          other.value !== null &&
          other.node.start > node.start &&
          pathOf(other.value) === path &&
          !isLocalPointer(facts, other.path),
      );
      for (const returned of collect(facts.body, 'return_statement')) {
        if (returned.start < node.end || isWhereNull(returned, path) || pathsIn(returned).includes(path))
          continue;
        if (
          isReleasedOrPassedOn(facts, path, returned.start) &&
          !releasedOnlyElsewhere(facts, path, returned)
        )
          continue;
        if (
          escapesLater &&
          !collect(facts.body, 'return_statement').some((other) => other.start > returned.start)
        )
          continue;
        if (
          statementOf(node).parent !== facts.body &&
          !isInside(returned, statementOf(node).parent ?? facts.body)
        )
          continue;
        yield { node: returned, message: `${path} is not freed before this return` };
      }
    }
  },
};

/** True when the only releases before the return are in branches that leave before reaching it. */
function releasedOnlyElsewhere(facts: FunctionFacts, variable: string, returned: Node): boolean {
  const handled = facts.calls.filter(
    ({ args, node, name }) =>
      node.start < returned.start &&
      args.some((arg) => pathOf(arg) === variable) &&
      (freeCalls.test(name) || !/^(?:mem|str|f|sn?printf|read|write|puts)/.test(name)),
  );
  if (handled.length === 0) return false;
  return handled.every(({ node, name }) => {
    const branch = enclosing(node, 'if_statement');
    const body = branch?.fields.consequence;
    return (
      freeCalls.test(name) &&
      branch !== null &&
      body !== undefined &&
      isInside(node, body) &&
      !isInside(returned, branch) &&
      leaves(body)
    );
  });
}

const reallocSelf: Rule = {
  id: 'realloc-self',
  cwe: ['CWE-401'],
  severity: 'low',
  title: 'Assigns the result of realloc to the pointer it resizes',
  help: 'When realloc fails the old block is lost. Keep the result in another variable until it was tested.',
  *check(facts) {
    for (const { path, value, node } of facts.assignments) {
      const call = value && unwrap(value);
      if (call?.type !== 'call_expression' || callName(call) !== 'realloc') continue;
      const old = callArguments(call)[0];
      if (old && pathOf(old) === path) yield { node, message: `${path} is lost when realloc fails` };
    }
  },
};

export const leakRules: readonly Rule[] = [missingFree, reallocSelf];
