import { variableOf } from './bounds.js';
import type { FunctionFacts } from './facts.js';
import {
  callArguments,
  callName,
  collect,
  compact,
  enclosing,
  isInside,
  type Node,
  pathOf,
  rootOf,
  statementOf,
  unwrap,
  visit,
} from './syntax.js';
import type { Rule, RuleMatch } from './types.js';

export const freeCalls = /^(?:free|kfree|g_free|xfree|av_free|fclose|closedir)$/;
export const allocationCalls =
  /^(?:malloc|calloc|realloc|strdup|strndup|xmalloc|kmalloc|kzalloc|g_malloc0?|fopen|fdopen|opendir|tmpfile)$/;

interface Release {
  readonly path: string;
  readonly node: Node;
  readonly call: string;
}

function releasesOf(facts: FunctionFacts): Release[] {
  const releases: Release[] = [];
  for (const { name, args, node } of facts.calls) {
    const path = args[0] && pathOf(args[0]);
    if (freeCalls.test(name) && path) releases.push({ path, node, call: name });
  }
  for (const node of collect(facts.body, 'delete_expression')) {
    const path = node.children[0] && pathOf(node.children[0]);
    if (path) releases.push({ path, node, call: 'delete' });
  }
  return releases;
}

export function leaves(statement: Node): boolean {
  if (/^(?:return|break|continue|goto|throw)_statement$/.test(statement.type)) return true;
  if (statement.type === 'expression_statement') {
    const call = statement.children[0];
    return call?.type === 'call_expression' && /^(?:exit|abort|_exit|longjmp)$/.test(callName(call) ?? '');
  }
  if (statement.type === 'compound_statement') return statement.children.some(leaves);
  if (statement.type === 'if_statement') {
    const { consequence, alternative } = statement.fields;
    return (
      consequence !== undefined &&
      alternative !== undefined &&
      leaves(consequence) &&
      alternative.children.some(leaves)
    );
  }
  return false;
}

/** Statements that run after one, in straight line: its later siblings, then those of the blocks around it. */
function* statementsAfter(from: Node, top: Node): Generator<Node> {
  for (let at = statementOf(from); at !== top && at.parent !== null; at = at.parent) {
    const parent = at.parent;
    if (
      parent.type === 'compound_statement' ||
      parent.type === 'case_statement' ||
      parent.type === 'labeled_statement'
    ) {
      for (const sibling of parent.children) {
        if (sibling.start <= at.start || sibling.end <= at.end) continue;
        yield sibling;
        if (leaves(sibling)) return;
      }
      if (parent.type === 'case_statement') return;
    }
    // What follows in a loop is its own next turn: only the update is certain to run.
    if (parent.type === 'for_statement' && parent.fields.update) yield parent.fields.update;
    if (parent.type === 'for_statement' && parent.fields.condition && at !== parent.fields.condition)
      yield parent.fields.condition;
    if (leaves(at) && at !== statementOf(from)) return;
  }
}

type Event = { readonly kind: 'use' | 'release' | 'renew'; readonly node: Node };

/** The first thing a statement does to a pointer. */
function firstEvent(statement: Node, path: string): Event | null {
  const renews: Event[] = [];
  const uses: Event[] = [];
  visit(statement, (node) => {
    if (node.type === 'sizeof_expression') return false;
    if (node.type === 'assignment_expression' && node.fields.left && node.operator === '=') {
      const left = pathOf(node.fields.left);
      if (left === path || (left !== null && path.startsWith(`${left}->`)) || left === rootOf(path)) {
        const right = node.fields.right && firstEvent(node.fields.right, path);
        if (right) uses.push(right);
        renews.push({ kind: 'renew', node });
        return false;
      }
    }
    if (
      node.type === 'init_declarator' &&
      node.fields.declarator &&
      rootOf(compact(node.fields.declarator)) === path
    ) {
      renews.push({ kind: 'renew', node });
      return false;
    }
    if ((node.type === 'identifier' || node.type === 'field_expression') && compact(node) === path) {
      const call = enclosing(node, 'call_expression', 'delete_expression');
      const isArgument =
        call !== null &&
        (call.type === 'delete_expression' || callArguments(call).some((arg) => unwrap(arg) === node));
      const released =
        isArgument && (call.type === 'delete_expression' || freeCalls.test(callName(call) ?? ''));
      const isReset = node.parent?.type === 'pointer_expression' && node.parent.operator === '&';
      // Comparing a stale pointer with NULL, or passing its address, is no access.
      if (isReset) renews.push({ kind: 'renew', node });
      else if (!isOnlyCompared(node)) uses.push({ kind: released ? 'release' : 'use', node });
    }
    return undefined;
  });
  // An assignment takes effect after its right side was read.
  const place = ({ kind, node }: Event): number => (kind === 'renew' ? node.end : node.start);
  const first = [...renews, ...uses].sort((a, b) => place(a) - place(b))[0];
  return first ?? null;
}

function isOnlyCompared(node: Node): boolean {
  const parent = node.parent;
  if (!parent) return false;
  if (parent.type === 'binary_expression') return /^(?:==|!=)$/.test(parent.operator);
  return (
    parent.type === 'condition_clause' || (parent.type === 'unary_expression' && parent.operator === '!')
  );
}

function* staleUses(facts: FunctionFacts, wanted: 'use' | 'release'): Generator<RuleMatch> {
  for (const release of releasesOf(facts)) {
    for (const statement of statementsAfter(release.node, facts.body)) {
      const event = firstEvent(statement, release.path) ?? firstMemberUse(statement, release.path);
      if (event === null) continue;
      if (event.kind === wanted)
        yield {
          node: event.node,
          message:
            wanted === 'use'
              ? `${release.path} is used after ${release.call}`
              : `${release.path} is freed a second time`,
        };
      break;
    }
  }
}

function firstMemberUse(statement: Node, path: string): Event | null {
  let found: Event | null = null;
  visit(statement, (node) => {
    if (found === null && node.type === 'field_expression' && compact(node).startsWith(`${path}->`))
      found = { kind: 'use', node };
    return found === null;
  });
  return found;
}

const useAfterFree: Rule = {
  id: 'use-after-free',
  cwe: ['CWE-416'],
  severity: 'high',
  title: 'Uses memory after it was freed',
  help: 'A pointer, or a member through it, is read, written, passed or returned after free on the same straight path without being set anew. Move the free behind the last use, or copy what is needed first.',
  *check(facts) {
    yield* staleUses(facts, 'use');
  },
};

const doubleFree: Rule = {
  id: 'double-free',
  cwe: ['CWE-415'],
  severity: 'high',
  title: 'Frees memory twice',
  help: 'The same pointer is freed again on a path where it was not set anew, or on an error path and again at the end. Set it to NULL after freeing, or free in one place.',
  *check(facts) {
    yield* staleUses(facts, 'release');
    // Freed in a branch that goes on, and again behind it.
    const releases = releasesOf(facts);
    for (const first of releases) {
      const branch = enclosing(first.node, 'if_statement');
      const body = branch?.fields.consequence;
      if (!branch || !body || !isInside(first.node, body) || leaves(body)) continue;
      const renewed = facts.assignments.some(
        ({ path, node }) => path === first.path && isInside(node, body) && node.start > first.node.start,
      );
      const second = releases.find(
        (other) =>
          other.path === first.path &&
          other.node.start > branch.end &&
          !enclosingBranchDiffers(other.node, branch),
      );
      if (!renewed && second && !isStraight(first.node, second.node))
        yield { node: second.node, message: `${first.path} may have been freed above` };
    }
  },
};

function enclosingBranchDiffers(node: Node, branch: Node): boolean {
  const around = enclosing(node, 'if_statement');
  return around !== null && !isInside(branch, around);
}

/** True when the straight-line scan already reported the pair. */
function isStraight(first: Node, second: Node): boolean {
  return statementOf(first).parent === statementOf(second).parent;
}

const returnLocal: Rule = {
  id: 'return-local-address',
  cwe: ['CWE-562'],
  severity: 'high',
  title: 'Returns the address of a local variable',
  help: 'The variable is gone when the function returns. Let the caller pass a buffer, or allocate one.',
  *check(facts) {
    for (const returned of collect(facts.body, 'return_statement')) {
      const value = returned.children[0] && unwrap(returned.children[0]);
      if (!value) continue;
      const isAddress = value.type === 'pointer_expression' && value.operator === '&';
      const path = pathOf(isAddress ? (value.fields.argument ?? value) : value);
      const variable = path === null ? undefined : facts.variables.get(path);
      if (!variable || variable.isParameter || /\bstatic\b/.test(variable.type)) continue;
      if (isAddress || variable.isArray)
        yield { node: returned, message: `${path} is gone after the return` };
    }
  },
};

const freeNonHeap: Rule = {
  id: 'free-non-heap',
  cwe: ['CWE-590', 'CWE-763'],
  severity: 'high',
  title: 'Frees what was not allocated, or not its start',
  help: 'free of an array, of the address of a variable, or of a pointer that was moved. Free the pointer that the allocation returned.',
  *check(facts) {
    for (const { name, args, node } of facts.calls) {
      if (name !== 'free' || !args[0]) continue;
      const target = unwrap(args[0]);
      const path = pathOf(target);
      const variable = path === null ? null : variableOf(facts, path);
      const isAddress =
        target.type === 'pointer_expression' &&
        target.operator === '&' &&
        pathOf(target.fields.argument ?? target) !== null;
      const moved =
        path !== null &&
        variable !== null &&
        !variable.isParameter &&
        facts.assignments.some(
          (assignment) =>
            assignment.path === path &&
            /^(?:\+\+|--|\+=)$/.test(assignment.operator) &&
            assignment.node.start < node.start,
        ) &&
        facts.assignments.some(
          (assignment) =>
            assignment.path === path &&
            assignment.value !== null &&
            allocationCalls.test(callName(unwrap(assignment.value)) ?? ''),
        );
      if (isAddress || (variable?.isArray && !variable.isParameter))
        yield { node, message: `${compact(target)} was not allocated` };
      else if (moved) yield { node, message: `${path} no longer points to the start of its block` };
    }
  },
};

export const lifetimeRules: readonly Rule[] = [useAfterFree, doubleFree, returnLocal, freeNonHeap];
