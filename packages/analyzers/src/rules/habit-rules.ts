import { boundsOf, isTainted, variableOf } from './bounds.js';
import type { FunctionFacts } from './facts.js';
import {
  collect,
  compact,
  enclosing,
  isInside,
  isStringLiteral,
  type Node,
  numberOf,
  pathOf,
  pathsIn,
  unwrap,
} from './syntax.js';
import type { Rule } from './types.js';

const toctou: Rule = {
  id: 'check-then-open',
  cwe: ['CWE-367'],
  severity: 'medium',
  title: 'Checks a file by name and opens it by name later',
  help: 'Between access or stat and open the name may come to mean another file. Open first, then use fstat on the descriptor.',
  *check(facts) {
    for (const check of facts.calls) {
      if (!/^(?:access|stat|lstat|faccessat)$/.test(check.name) || !check.args[0]) continue;
      const path = compact(check.args[0]);
      const open = facts.calls.find(
        (call) =>
          /^(?:fopen|open|creat|unlink|remove|chmod|chown|rename)$/.test(call.name) &&
          call.node.start > check.node.start &&
          call.args[0] !== undefined &&
          compact(call.args[0]) === path,
      );
      if (open)
        yield {
          node: open.node,
          message: `${path} was checked with ${check.name} and may have changed since`,
        };
    }
  },
};

const weakRandom: Rule = {
  id: 'weak-random',
  cwe: ['CWE-338'],
  severity: 'low',
  title: 'Uses a predictable random number',
  help: 'rand, random and drand48 can be predicted. For keys, tokens and names of temporary files use getrandom or /dev/urandom.',
  *check(facts) {
    for (const { name, node } of facts.calls)
      if (/^(?:rand|rand_r|random|drand48|lrand48)$/.test(name))
        yield { node, message: `${name} can be predicted` };
  },
};

const temporaryFile: Rule = {
  id: 'predictable-temporary-file',
  cwe: ['CWE-377'],
  severity: 'medium',
  title: 'Makes a temporary file by a name that others can take first',
  help: 'mktemp, tmpnam and tempnam give a name, not a file. Use mkstemp.',
  *check(facts) {
    for (const { name, node } of facts.calls)
      if (/^(?:mktemp|tmpnam|tempnam|tmpnam_r)$/.test(name))
        yield { node, message: `${name} leaves time for another to create the file` };
  },
};

const secretName = /(?:passw(?:or)?d|passwd|passphrase|secret|api_?key|auth_?token|private_?key|credential)/i;

const credentials: Rule = {
  id: 'hard-coded-credential',
  cwe: ['CWE-798'],
  severity: 'medium',
  title: 'A password or key stands in the code',
  help: 'A variable named like a secret is given, or compared with, a string literal. Read secrets from the environment or a store.',
  *check(facts) {
    for (const { path, value, node } of facts.assignments) {
      if (value && secretName.test(path) && isStringLiteral(value) && unwrap(value).text.length > 4)
        yield { node, message: `${path} is a literal` };
    }
    for (const { name, args, node } of facts.calls) {
      if (!/^(?:str(?:n|case)?cmp|memcmp)$/.test(name)) continue;
      const literal = args.find((arg) => isStringLiteral(arg) && unwrap(arg).text.length > 4);
      const secret = args.find((arg) => secretName.test(pathOf(arg) ?? ''));
      if (literal && secret) yield { node, message: `${compact(secret)} is compared with a literal` };
    }
  },
};

const weakHash: Rule = {
  id: 'weak-cryptography',
  cwe: ['CWE-327', 'CWE-328'],
  severity: 'low',
  title: 'Uses a broken hash or cipher',
  help: 'MD4, MD5, SHA-1, DES and RC4 are broken. Use SHA-256 or later, AES-GCM or ChaCha20-Poly1305.',
  *check(facts) {
    for (const { name, node } of facts.calls)
      if (
        /^(?:MD[45](?:_Init|_Update|_Final)?|SHA1(?:_Init)?|DES_\w+|RC4(?:_set_key)?|EVP_(?:md5|sha1|des_\w+|rc4))$/.test(
          name,
        )
      )
        yield { node, message: `${name} is broken` };
  },
};

const permissions: Rule = {
  id: 'open-permissions',
  cwe: ['CWE-732'],
  severity: 'medium',
  title: 'Gives everyone write access',
  help: 'chmod, open, mkdir or creat with a mode that others may write, or umask(0). Use 0600 or 0700.',
  *check(facts) {
    for (const { name, args, node } of facts.calls) {
      if (!/^(?:chmod|fchmod|open|creat|mkdir|mkfifo|umask)$/.test(name)) continue;
      const mode = args.at(-1)?.text ?? '';
      if (name === 'umask' ? /^0+$/.test(mode) : /^0[0-7]*[2367]$/.test(mode) || /S_IWOTH/.test(mode))
        yield { node, message: `${name} with mode ${mode}` };
    }
  },
};

/** Everything that may change a value inside a loop: assignments, `++`, and calls that take its address. */
function changes(facts: FunctionFacts, loop: Node, path: string): boolean {
  return (
    facts.assignments.some(
      (assignment) =>
        isInside(assignment.node, loop) &&
        (assignment.path === path ||
          path.startsWith(`${assignment.path}->`) ||
          `*${assignment.path}` === path),
    ) ||
    collect(loop, 'pointer_expression').some(
      (node) => node.operator === '&' && pathOf(node.fields.argument ?? node) === path,
    )
  );
}

const endlessLoop: Rule = {
  id: 'endless-loop',
  cwe: ['CWE-835'],
  severity: 'medium',
  title: 'A loop may never end',
  help: 'Nothing in the loop changes what its condition looks at, or the step comes from the input and may be zero. Make sure that every turn moves on.',
  *check(facts) {
    for (const loop of collect(facts.body, 'while_statement', 'for_statement', 'do_statement')) {
      const condition = loop.fields.condition;
      const always = !condition || /^\(?(?:1|true)\)?$/.test(compact(condition));
      const leavesLoop =
        collect(loop, 'break_statement', 'return_statement', 'goto_statement', 'throw_statement').length >
          0 || /\b(?:exit|abort|longjmp)\(/.test(compact(loop));
      if (always) {
        if (!leavesLoop && loop.type !== 'do_statement')
          yield { node: loop, message: 'nothing leaves this loop' };
      } else {
        const paths = pathsIn(condition);
        const calls = collect(condition, 'call_expression').length > 0;
        if (paths.length > 0 && !calls && !leavesLoop && !paths.some((path) => changes(facts, loop, path)))
          yield { node: loop, message: `nothing in this loop changes ${paths.join(', ')}` };
      }
      yield* zeroSteps(facts, loop);
    }
  },
};

/** `at += length` where the length comes from the data and may be zero. */
function* zeroSteps(facts: FunctionFacts, loop: Node): Generator<{ node: Node; message: string }> {
  const condition = loop.fields.condition;
  for (const assignment of facts.assignments) {
    if (!isInside(assignment.node, loop) || !assignment.value) continue;
    const isStep = assignment.operator === '+=' || assignment.operator === '-=';
    const value = unwrap(assignment.value);
    const sum =
      assignment.operator === '=' && value.type === 'binary_expression' && value.operator === '+'
        ? value
        : null;
    const step = isStep
      ? value
      : sum?.fields.left && pathOf(sum.fields.left) === assignment.path
        ? sum.fields.right
        : null;
    if (!step || enclosing(assignment.node, 'for_statement', 'while_statement', 'do_statement') !== loop)
      continue;
    const controls = condition !== undefined && pathsIn(condition).includes(assignment.path);
    const onlyMove =
      facts.assignments.filter((other) => other.path === assignment.path && isInside(other.node, loop))
        .length === 1;
    const alone = unwrap(step);
    const path = pathOf(alone) ?? (alone.type === 'subscript_expression' ? compact(alone) : null);
    if (!controls || !onlyMove || path === null) continue;
    const fromData =
      alone.type === 'subscript_expression' ||
      (isTainted(facts, path) && (variableOf(facts, path)?.isInteger ?? true));
    if (
      fromData &&
      numberOf(alone, facts.file.constants) === null &&
      !boundsOf(facts, path, assignment.node.start).nonZero &&
      !hasFloor(facts, path, assignment.node.start)
    )
      yield { node: assignment.node, message: `${path} may be 0, so that the loop stands still` };
  }
}

/** `length < 2`: held from below by something above zero. */
function hasFloor(facts: FunctionFacts, path: string, before: number): boolean {
  return facts.comparisons.some(
    ({ node, operator, left, right }) =>
      node.start < before &&
      ((pathOf(left) === path && operator === '<' && (numberOf(right, facts.file.constants) ?? 0) >= 1) ||
        (pathOf(right) === path && operator === '>' && (numberOf(left, facts.file.constants) ?? 0) >= 1)),
  );
}

export const habitRules: readonly Rule[] = [
  toctou,
  weakRandom,
  temporaryFile,
  credentials,
  weakHash,
  permissions,
  endlessLoop,
];
