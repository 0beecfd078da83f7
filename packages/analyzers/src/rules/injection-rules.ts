import { isTainted, variableOf } from './bounds.js';
import type { Call, FunctionFacts } from './facts.js';
import { collect, compact, isStringLiteral, type Node, pathOf, pathsIn, rootOf, unwrap } from './syntax.js';
import type { Rule } from './types.js';

const formatPosition: Readonly<Record<string, number>> = {
  printf: 0,
  vprintf: 0,
  fprintf: 1,
  vfprintf: 1,
  dprintf: 1,
  sprintf: 1,
  vsprintf: 1,
  snprintf: 2,
  vsnprintf: 2,
  syslog: 1,
  vsyslog: 1,
  err: 1,
  warn: 0,
  warnx: 0,
  errx: 1,
  printk: 0,
  asprintf: 1,
};

function isLiteralChoice(node: Node): boolean {
  const inner = unwrap(node);
  if (inner.type !== 'conditional_expression') return isStringLiteral(inner);
  const { consequence, alternative } = inner.fields;
  return (
    consequence !== undefined &&
    alternative !== undefined &&
    isLiteralChoice(consequence) &&
    isLiteralChoice(alternative)
  );
}

/** True when a variable only ever holds string literals. */
function holdsLiteral(facts: FunctionFacts, path: string): boolean {
  const values = facts.assignments.filter((assignment) => assignment.path === path).map(({ value }) => value);
  return values.length > 0 && values.every((value) => value !== null && isLiteralChoice(value));
}

/** `vprintf(format, arguments)` in a function that is itself like printf: its callers choose. */
function isForwarder(facts: FunctionFacts): boolean {
  return /\.\.\.|\bva_list\b/.test(facts.node.fields.declarator?.text ?? '');
}

const formatString: Rule = {
  id: 'format-string',
  cwe: ['CWE-134'],
  severity: 'high',
  title: 'The format of a printf is not a constant',
  help: 'A format that comes from outside may read and write memory. Use "%s" and pass the text as argument.',
  *check(facts) {
    if (isForwarder(facts)) return;
    for (const { name, args, node } of facts.calls) {
      const format = formatPosition[name] === undefined ? undefined : args[formatPosition[name]!];
      if (!format || isStringLiteral(format)) continue;
      const inner = unwrap(format);
      const path = pathOf(inner);
      if (path !== null && /^[A-Z][A-Z0-9_]*$/.test(path)) continue;
      if (path !== null && holdsLiteral(facts, path)) continue;
      if (isLiteralChoice(inner)) continue;
      if (
        inner.type === 'call_expression' &&
        /^(?:_|gettext|dgettext|ngettext|N_)$/.test(inner.fields.function?.text ?? '')
      )
        continue;
      if (inner.type === 'concatenated_string') continue;
      yield { node, message: `${name} takes its format from ${compact(inner).slice(0, 40)}` };
    }
  },
};

const validators =
  /^(?:strpbrk|strspn|strcspn|isalnum|isalpha|isdigit|regexec|realpath|fnmatch|is_?(?:valid|safe|allowed)\w*|valid(?:ate)?\w*|check_\w+|strcmp|strncmp|strcasecmp|escape\w*|quote\w*|sanitize\w*)$/i;

/** True when something looked at the characters of the value before. */
function isValidated(facts: FunctionFacts, paths: readonly string[], before: number): boolean {
  const called = facts.calls.some(
    (call) =>
      call.node.start < before &&
      validators.test(call.name) &&
      call.args.some((arg) =>
        pathsIn(arg).some((path) => paths.includes(path) || paths.includes(rootOf(path))),
      ),
  );
  if (called) return true;
  // A loop over its characters that refuses some.
  return (
    facts.comparisons.some(({ node, left, right }) => {
      if (node.start >= before) return false;
      const chars = [left, right].some(
        (side) => unwrap(side).type === 'char_literal' && unwrap(side).text !== "'\\0'",
      );
      return chars;
    }) ||
    facts.calls.some(
      (call) => call.node.start < before && /^is(?:alnum|alpha|digit|print|xdigit)$/.test(call.name),
    ) ||
    collect(facts.body, 'switch_statement').some((node) => node.start < before && /case\s*'/.test(node.text))
  );
}

/** Inputs that a buffer was built from by string functions, and the calls that built it. */
function builtFrom(
  facts: FunctionFacts,
  buffer: string,
  before: number,
): { inputs: string[]; calls: Call[] } {
  const calls = facts.calls.filter(
    (call) =>
      call.node.start < before &&
      /^(?:v?sn?printf|str(?:n?cat|n?cpy)|stpcpy|memcpy|asprintf)$/.test(call.name) &&
      call.args[0] !== undefined &&
      rootOf(compact(call.args[0]).replace(/^&/, '')) === rootOf(buffer),
  );
  const inputs = calls
    .flatMap((call) => call.args.slice(1))
    .filter((arg) => !isStringLiteral(arg))
    .flatMap((arg) => pathsIn(arg))
    .filter((path) => {
      const variable = variableOf(facts, path);
      return isTainted(facts, path) && rootOf(path) !== rootOf(buffer) && !(variable?.isInteger ?? false);
    });
  return { inputs: [...new Set(inputs)], calls };
}

function inputsOfArgument(facts: FunctionFacts, arg: Node, before: number): string[] {
  const path = pathOf(arg);
  if (path === null) return [];
  const variable = variableOf(facts, path);
  if (variable?.isParameter || (isTainted(facts, path) && builtFrom(facts, path, before).calls.length === 0))
    return [path];
  return builtFrom(facts, path, before).inputs;
}

const command: Rule = {
  id: 'command-injection',
  cwe: ['CWE-78'],
  severity: 'high',
  title: 'Runs a shell command that contains a value from outside',
  help: 'system or popen with a string built from a parameter or input whose characters nobody looked at. Call the program with execv and an argument list, or let only known characters through.',
  *check(facts) {
    for (const { name, args, node } of facts.calls) {
      const arg = args[/^run_|^execute_/.test(name) ? 0 : 0];
      if (
        !/^(?:system|popen|_popen|execl|execlp|run_(?:shell|command|cmd)|shell_\w+|exec_shell)$/.test(name) ||
        !arg ||
        isStringLiteral(arg)
      )
        continue;
      const inputs = inputsOfArgument(facts, arg, node.start);
      if (inputs.length > 0 && !isValidated(facts, inputs, node.start))
        yield { node, message: `${name} runs a command made from ${inputs.join(', ')}` };
    }
  },
};

const opens =
  /^(?:fopen|freopen|open|openat|creat|unlink|remove|rename|mkdir|rmdir|opendir|chmod|stat|lstat|access|readlink|dlopen|execv|symlink|link)$|^(?:load|save|read|write|open|delete|serve)_\w*(?:file|path)\w*$/;

/** True when the function looks for separators or `..`, or asks the system for the real path. */
function looksForParents(facts: FunctionFacts): boolean {
  return (
    facts.calls.some(
      ({ name, args }) =>
        /^(?:realpath|basename|canonicalize_file_name)$/.test(name) ||
        /^(?:is_?(?:safe|valid)|valid|sanitize|check)_?\w*(?:path|name|file)?/i.test(name) ||
        (/^(?:strstr|strchr|strpbrk|strcspn)$/.test(name) &&
          args.some((arg) => /"[^"]*(?:\.\.|\/)[^"]*"|'\/'|'\.'/.test(arg.text))) ||
        // Equal to `..` is not enough: `../x` is another name.
        (name === 'strncmp' && args.some((arg) => /"\.\.[^"]*"/.test(arg.text))),
    ) ||
    facts.comparisons.some(({ left, right }) => [left, right].some((side) => /'\/'|'\.'/.test(side.text)))
  );
}

const prefixCheck: Rule = {
  id: 'path-prefix-check',
  cwe: ['CWE-22'],
  severity: 'medium',
  title: 'Takes a common beginning for being in the folder',
  help: '/data-old begins with /data and is not below it; /data/../etc does too. Look for the separator behind the prefix, and compare real paths.',
  *check(facts) {
    if (!/path|dir|root|base|with|inside|below|under|folder/i.test(facts.node.fields.declarator?.text ?? ''))
      return;
    for (const { name, args, node } of facts.calls) {
      const [path, prefix, length] = args;
      if (name !== 'strncmp' || !path || !prefix || !length || isStringLiteral(prefix)) continue;
      const of = compact(unwrap(prefix));
      const measured =
        compact(length) === `strlen(${of})` ||
        facts.assignments.some(
          (assignment) =>
            assignment.path === pathOf(length) &&
            assignment.value !== null &&
            compact(assignment.value) === `strlen(${of})`,
        );
      if (measured && !facts.comparisons.some(({ left, right }) => /'\/'/.test(left.text + right.text)))
        yield { node, message: `${compact(unwrap(path))} may begin with ${of} and lie elsewhere` };
    }
  },
};

const pathTraversal: Rule = {
  id: 'path-traversal',
  cwe: ['CWE-22'],
  severity: 'high',
  title: 'Builds a file path from a name that may leave the folder',
  help: 'A folder and a name from outside are joined into a path and nothing looks for ".." or "/" in the name. Refuse such names, or compare realpath of the result with the folder.',
  *check(facts) {
    const refuses = looksForParents(facts);
    if (refuses) return;
    const seen = new Set<number>();
    for (const call of facts.calls) {
      if (!/^(?:sn?printf|str(?:n?cat)|asprintf)$/.test(call.name) || !call.args[0]) continue;
      const joined = call.args.some(
        (arg) =>
          isStringLiteral(arg) &&
          /%[^"]*s[^"]*\/[^"]*%[^"]*s|\/%[^"]*s|%s\/%s|"[^"%]*\/[^"%]*"/.test(arg.text),
      );
      const buffer = rootOf(compact(call.args[0]).replace(/^&/, ''));
      const { inputs } = builtFrom(facts, buffer, call.node.end + 1);
      const later = facts.calls.find(
        (other) =>
          other.node.start > call.node.start &&
          opens.test(other.name) &&
          other.args.some((arg) => pathOf(arg) === buffer),
      );
      const names = inputs.filter((path) => variableOf(facts, path)?.isPointer ?? true);
      const makesPath = /path|file/i.test(buffer) || /path|file/i.test(facts.name) || later !== undefined;
      if (joined && names.length > 0 && makesPath && !seen.has(call.node.start)) {
        seen.add(call.node.start);
        yield { node: call.node, message: `${names.at(-1)} may contain ".." and leave the folder` };
        return;
      }
    }
  },
};

export const injectionRules: readonly Rule[] = [formatString, command, pathTraversal, prefixCheck];
