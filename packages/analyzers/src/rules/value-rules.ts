import { isComparedAfter, variableOf } from './bounds.js';
import type { FunctionFacts } from './facts.js';
import {
  callName,
  collect,
  compact,
  enclosing,
  isInside,
  isNull,
  type Node,
  pathOf,
  rootOf,
  statementOf,
  unwrap,
  visit,
} from './syntax.js';
import type { Rule } from './types.js';

const allocators = /^(?:malloc|calloc|realloc|strdup|strndup|aligned_alloc|kmalloc|kzalloc)$/;
/** Calls that give NULL for an answer as ordinary as any other. */
const lookups =
  /^(?:getenv|strchr|strrchr|strstr|strpbrk|memchr|strtok|strtok_r|fopen|fdopen|opendir|popen|bsearch|localtime|gmtime|getpwnam|getpwuid|gethostbyname|tmpfile|fgets)$/;
/** Functions of the program whose name says that there may be nothing to give. */
const namedLookups =
  /(?:^|_)(?:find|lookup|look_up|search|seek|alloc|create|new|open|dup|clone|match|try)(?:_|$|[0-9])|(?:Find|Lookup|Search|Alloc|Create|Open|Clone)/;
const neverNull = /^(?:strerror|basename|dirname|stpcpy|strcpy|strcat|strncpy|memcpy|memset|memmove)$/;

/** Places where a pointer is followed. */
function dereferences(facts: FunctionFacts, path: string): Node[] {
  const places: Node[] = [];
  visit(facts.body, (node) => {
    const { argument } = node.fields;
    if (node.type === 'sizeof_expression') return false;
    if (node.type === 'field_expression' && node.operator === '->' && argument && pathOf(argument) === path)
      places.push(node);
    else if (node.type === 'subscript_expression' && argument && pathOf(argument) === path) places.push(node);
    else if (node.type === 'pointer_expression' && node.operator === '*' && argument) {
      const target = unwrap(argument);
      const inner = target.type === 'update_expression' ? target.fields.argument : target;
      if (inner && pathOf(inner) === path) places.push(node);
    }
    return undefined;
  });
  return places;
}

const followedByCall =
  /^(?:mem(?:cpy|move|set|cmp|chr)|str(?:cpy|ncpy|cat|ncat|cmp|ncmp|len|chr|rchr|str|dup|tol|toul|casecmp)|atoi|atol|snprintf|sprintf|fgets|fread|fwrite|fputs|fprintf|fscanf|fclose|puts|fgetc|fputc|fseek)$/;

/** Calls that follow the pointer given to them. */
function followingCalls(facts: FunctionFacts, path: string): Node[] {
  return facts.calls
    .filter(({ name, args }) => followedByCall.test(name) && args.some((arg) => pathOf(arg) === path))
    .map(({ node }) => node);
}

/** True when the pointer was tested between two places. */
function isTested(facts: FunctionFacts, path: string, from: number, to: number): boolean {
  return (
    facts.truthTests.some((test) => test.path === path && test.start >= from && test.start < to) ||
    facts.comparisons.some(
      ({ node, left, right }) =>
        node.start >= from &&
        node.start < to &&
        ((comparesWith(left, path) && isNull(right)) || (comparesWith(right, path) && isNull(left))),
    )
  );
}

function comparesWith(node: Node, path: string): boolean {
  const inner = unwrap(node);
  return (
    pathOf(inner) === path ||
    (inner.type === 'assignment_expression' &&
      inner.fields.left !== undefined &&
      pathOf(inner.fields.left) === path)
  );
}

/** First place after `from` where the pointer is followed without a test in between, before it is set anew. */
function firstUntested(facts: FunctionFacts, path: string, assignment: Node): Node | null {
  const next = facts.assignments
    .filter(
      (other) =>
        other.path === path &&
        other.node.start > assignment.end &&
        other.operator === '=' &&
        !isInside(other.node, assignment),
    )
    .map((other) => other.node.start)
    .sort((a, b) => a - b)[0];
  const places = [...dereferences(facts, path), ...followingCalls(facts, path)].sort(
    (a, b) => a.start - b.start,
  );
  for (const place of places) {
    if (place.start < assignment.end || (next !== undefined && place.start > next)) continue;
    return isTested(facts, path, assignment.start, place.end) ? null : place;
  }
  return null;
}

function* untested(
  facts: FunctionFacts,
  wanted: (name: string) => boolean,
  describe: (path: string, name: string) => string,
) {
  for (const { path, operator, value, node } of facts.assignments) {
    const call = value && unwrap(value);
    const name = call?.type === 'call_expression' ? callName(call) : null;
    if (operator !== '=' || name === null || !wanted(name)) continue;
    const variable = variableOf(facts, path);
    if (variable && !variable.isPointer && !/\bauto\b/.test(variable.type)) continue;
    const place = firstUntested(facts, path, node);
    if (place) yield { node: place, message: describe(path, name) };
  }
}

const allocUnchecked: Rule = {
  id: 'unchecked-allocation',
  cwe: ['CWE-690', 'CWE-476'],
  severity: 'medium',
  title: 'Follows the result of an allocation that was not tested',
  help: 'malloc, calloc, realloc and strdup give NULL when there is no memory. Test the pointer before the first use.',
  *check(facts) {
    yield* untested(
      facts,
      (name) => allocators.test(name),
      (path, name) => `${path} may be NULL when ${name} fails`,
    );
  },
};

const lookupUnchecked: Rule = {
  id: 'unchecked-null-result',
  cwe: ['CWE-476', 'CWE-252'],
  severity: 'medium',
  title: 'Follows a pointer that a call may have given as NULL',
  help: 'Lookups (strchr, getenv, fopen, or a function of the program that returns a pointer) give NULL for "not found". Test the result before the first use.',
  *check(facts) {
    const isLookup = (name: string): boolean =>
      !allocators.test(name) && !neverNull.test(name) && (lookups.test(name) || namedLookups.test(name));
    yield* untested(facts, isLookup, (path, name) => `${path} may be NULL when ${name} finds nothing`);
    for (const call of facts.calls) {
      // `atoi(getenv("X"))`, `find(x)->y`
      const parent = call.node.parent;
      const followed =
        (parent?.type === 'argument_list' &&
          followedByCall.test(callName(parent.parent ?? call.node) ?? '') &&
          lookups.test(call.name)) ||
        (parent?.type === 'field_expression' &&
          parent.operator === '->' &&
          isLookup(call.name) &&
          parent.fields.argument === call.node);
      if (followed) yield { node: call.node, message: `${call.name} may give NULL` };
    }
  },
};

const derefBeforeCheck: Rule = {
  id: 'null-check-after-use',
  cwe: ['CWE-476'],
  severity: 'medium',
  title: 'Tests a pointer for NULL after following it',
  help: 'The test shows that NULL is expected, but the pointer was followed before. Move the test up.',
  *check(facts) {
    for (const variable of facts.variables.values()) {
      if (!variable.isPointer) continue;
      const path = variable.name;
      const place = dereferences(facts, path)[0];
      if (!place || enclosing(place, 'for_statement', 'while_statement', 'do_statement')) continue;
      if (isTested(facts, path, 0, place.end)) continue;
      const reassigned =
        facts.assignments.find((other) => other.path === path && other.node.start > place.start)?.node
          .start ?? Number.POSITIVE_INFINITY;
      if (isTested(facts, path, place.end, reassigned))
        yield { node: place, message: `${path} is followed before it is tested for NULL` };
    }
  },
};

const uninitialised: Rule = {
  id: 'uninitialised-variable',
  cwe: ['CWE-457'],
  severity: 'medium',
  title: 'Reads a variable that may not have been set',
  help: 'A local without initialiser is read first, or is set in some branches only. Give it a value where it is declared.',
  *check(facts) {
    // Where the tree is broken, an assignment may not be seen as one.
    if (collect(facts.body, 'ERROR').length > 0) return;
    for (const variable of facts.variables.values()) {
      if (
        variable.isParameter ||
        variable.isArray ||
        variable.initialiser ||
        /\b(?:static|extern)\b|::|\b(?:string|vector|map)\b/.test(variable.type)
      )
        continue;
      if (variable.node.parent?.type !== 'declaration') continue;
      if (enclosing(variable.node, 'condition_clause', 'for_range_loop')) continue;
      if (
        !variable.isPointer &&
        !variable.isInteger &&
        !/\b(?:float|double|bool|_Bool)\b/.test(variable.type)
      )
        continue;
      const read = firstUnsetRead(facts, variable.name, variable.node.end);
      if (read) yield { node: read, message: `${variable.name} may be read before it is set` };
    }
  },
};

/** The first read of a local that no certain assignment precedes. */
function firstUnsetRead(facts: FunctionFacts, name: string, from: number): Node | null {
  const sets: Node[] = [];
  let read: Node | null = null;
  visit(facts.body, (node) => {
    if (read !== null) return false;
    if (
      node.type === 'sizeof_expression' ||
      node.type === 'asm_statement' ||
      node.type === 'gnu_asm_expression'
    )
      return false;
    if (node.start < from && node.type === 'identifier') return undefined;
    if (
      node.type === 'assignment_expression' &&
      node.operator === '=' &&
      node.fields.left &&
      node.fields.right &&
      pathOf(node.fields.left) === name
    ) {
      const early = collect(node.fields.right, 'identifier').find(
        (inner) => inner.text === name && !enclosing(inner, 'sizeof_expression'),
      );
      if (early && !sets.length && !isAddressed(early)) read = early;
      sets.push(node);
      return false;
    }
    if (node.type === 'identifier' && node.text === name && node.start >= from) {
      if (isAddressed(node) || isReferenceArgument(node) || isMacroArgument(node)) {
        sets.push(node);
        return false;
      }
      if (!sets.some((set) => reaches(set, node)) && !coversAllBranches(sets, node)) read = node;
    }
    return undefined;
  });
  return read;
}

function isAddressed(node: Node): boolean {
  const parent = node.parent;
  return parent?.type === 'pointer_expression' && parent.operator === '&';
}

/** `cin >> x`, `x >> y`: a C++ stream may set it. */
function isReferenceArgument(node: Node): boolean {
  return (
    node.parent?.type === 'binary_expression' &&
    node.parent.operator === '>>' &&
    node.parent.fields.right === node
  );
}

/** `get_user(x, p)`, `list_for_each(x, …)`: what looks like a call may be a macro that sets its argument. */
function isMacroArgument(node: Node): boolean {
  const call = node.parent?.type === 'argument_list' ? node.parent.parent : null;
  return (
    call !== null &&
    call.type === 'call_expression' &&
    !followedByCall.test(callName(call) ?? '') &&
    !/^(?:printf|exit|abs|malloc|calloc)$/.test(callName(call) ?? '')
  );
}

/** True when whoever comes to `use` came through `set`: no branch or loop around the set leaves the use out. */
function reaches(set: Node, use: Node): boolean {
  for (let at: Node = set; at.parent !== null; at = at.parent) {
    const parent = at.parent;
    if (isInside(use, parent)) {
      if (parent.type === 'if_statement') return at === parent.fields.condition || isInside(use, at);
      if (parent.type === 'switch_statement') return true;
      return true;
    }
    if (parent.type === 'if_statement' && at !== parent.fields.condition && !leavesOtherwise(parent, at))
      return false;
    // A loop that never turns is rarer than one that always does.
    if (parent.type === 'case_statement') return false;
    if (parent.type === 'conditional_expression' && at !== parent.fields.condition) return false;
    if (
      parent.type === 'binary_expression' &&
      /^(?:&&|\|\|)$/.test(parent.operator) &&
      at === parent.fields.right
    )
      return enclosing(parent, 'condition_clause') !== null;
  }
  return true;
}

/** The other branch of an `if` returns, so that only this one goes on. */
function leavesOtherwise(branch: Node, taken: Node): boolean {
  const { consequence, alternative } = branch.fields;
  const other = taken === consequence ? alternative : consequence;
  if (!other) return false;
  return (
    collect(
      other,
      'return_statement',
      'break_statement',
      'continue_statement',
      'goto_statement',
      'throw_statement',
    ).some(
      (jump) =>
        jump === other ||
        statementOf(jump).parent === other ||
        statementOf(jump).parent?.parent === other ||
        jump.parent === other,
    ) || /\b(?:exit|abort)\(/.test(compact(other))
  );
}

/** Set in both branches of an `if`, or in a switch with a default. */
function coversAllBranches(sets: readonly Node[], use: Node): boolean {
  for (const set of sets) {
    for (
      let branch = enclosing(set, 'if_statement', 'switch_statement');
      branch;
      branch = enclosing(branch, 'if_statement', 'switch_statement')
    ) {
      if (isInside(use, branch)) break;
      if (branch.type === 'switch_statement' && /\bdefault\s*:/.test(branch.text)) return true;
      const { consequence, alternative } = branch.fields;
      const isSetIn = (part: Node | undefined): boolean =>
        part !== undefined && sets.some((other) => isInside(other, part));
      if (
        consequence &&
        alternative &&
        (isSetIn(consequence) || leavesOtherwise(branch, alternative)) &&
        (isSetIn(alternative) || leavesOtherwise(branch, consequence))
      )
        return true;
    }
    const loop = enclosing(set, 'do_statement');
    if (loop && !isInside(use, loop)) return true;
  }
  return false;
}

const resultIgnored: Rule = {
  id: 'unchecked-return',
  cwe: ['CWE-252'],
  severity: 'low',
  title: 'Ignores the result of a call that may fail',
  help: 'fgets, fread, read, scanf, fscanf, sscanf, setuid, chdir and the like tell by their result whether the data is there. Test it before using the data.',
  *check(facts) {
    const names =
      /^(?:fgets|fread|read|scanf|fscanf|sscanf|setuid|setgid|seteuid|setegid|setreuid|chdir|chroot|ftruncate|fseek|recv|pthread_mutex_lock|dup2|pipe|realpath|inet_pton)$/;
    for (const { name, node } of facts.calls) {
      if (names.test(name) && node.parent?.type === 'expression_statement')
        yield { node, message: `the result of ${name} is ignored` };
    }
    // A result that is kept and never looked at again.
    for (const { path, value, node } of facts.assignments) {
      const call = value && unwrap(value);
      const name = call?.type === 'call_expression' ? callName(call) : null;
      if (
        name === null ||
        !/^(?:read|recv|fread|sscanf|fscanf|scanf|strtol|setuid)$/.test(name) ||
        rootOf(path) !== path
      )
        continue;
      const used =
        isComparedAfter(facts, path, node.start) ||
        facts.truthTests.some((test) => test.path === path && test.start > node.start);
      const inCondition = enclosing(node, 'condition_clause', 'return_statement') !== null;
      if (!used && !inCondition && name === 'read')
        yield { node, message: `${path} from ${name} is never tested` };
    }
  },
};

export const valueRules: readonly Rule[] = [
  allocUnchecked,
  lookupUnchecked,
  derefBeforeCheck,
  uninitialised,
  resultIgnored,
];
