import {
  callArguments,
  callName,
  collect,
  type Node,
  pathOf,
  pathsIn,
  rootOf,
  unwrap,
  visit,
} from './syntax.js';

export interface Variable {
  readonly name: string;
  /** Specifiers as written, e.g. `const unsigned char`. */
  readonly type: string;
  readonly isPointer: boolean;
  readonly isArray: boolean;
  /** Size as declared, of array parameters too; null without one. */
  readonly arraySize: Node | null;
  readonly isParameter: boolean;
  readonly isInteger: boolean;
  readonly isUnsigned: boolean;
  readonly initialiser: Node | null;
  readonly node: Node;
}

export interface Comparison {
  readonly node: Node;
  readonly operator: string;
  readonly left: Node;
  readonly right: Node;
  readonly leftPaths: readonly string[];
  readonly rightPaths: readonly string[];
}

export interface Assignment {
  readonly path: string;
  readonly operator: string;
  /** Null for `++` and `--`. */
  readonly value: Node | null;
  readonly node: Node;
}

export interface Call {
  readonly name: string;
  readonly args: readonly Node[];
  readonly node: Node;
}

/** What a text declares outside functions. */
export interface FileFacts {
  /** Member name → declaration; the last wins when two structures share a name. */
  readonly members: ReadonlyMap<string, Variable>;
  /** Object-like macros and enumerators with a numeric text. */
  readonly constants: ReadonlyMap<string, string>;
  readonly globals: ReadonlyMap<string, Variable>;
  /** Structure tag or typedef → names of its members. */
  readonly structures: ReadonlyMap<string, readonly string[]>;
  /** Function → the library call that a macro replaces by it: `#define malloc(n) pool_get(n)` gives pool_get → malloc. */
  readonly aliases: ReadonlyMap<string, string>;
}

/** What a function is made of, gathered in one walk; rules look things up here. */
export interface FunctionFacts {
  readonly file: FileFacts;
  readonly node: Node;
  readonly body: Node;
  readonly name: string;
  readonly variables: ReadonlyMap<string, Variable>;
  readonly calls: readonly Call[];
  readonly comparisons: readonly Comparison[];
  /** Paths tested for being non-zero, with the place of the test. */
  readonly truthTests: readonly { readonly path: string; readonly start: number }[];
  readonly assignments: readonly Assignment[];
  /** Variables and paths whose value comes from the caller or from input. */
  readonly tainted: ReadonlySet<string>;
}

/** Types of 16 bits or fewer: sums of two of them fit an int. */
export const narrowType = /\bshort\b|\bchar\b|\bu?int(?:8|16)_t\b|\bu(?:8|16)\b/;

export const integerType =
  /\b(?:char|short|int|long|unsigned|signed|size_t|ssize_t|off_t|ptrdiff_t|u?int(?:_least|_fast)?\d+_t|u?intptr_t|u?intmax_t|[us](?:8|16|32|64)|__[ulb]e?\d+|g(?:u?int\d*|u?char|u?long|s?size)|uint|ulong|ushort|uchar|byte|BYTE|WORD|DWORD|UINT)\b/;
const unsignedType =
  /\b(?:unsigned|size_t|uint(?:_least|_fast)?\d+_t|uintptr_t|uintmax_t|u(?:8|16|32|64)|gsize|gu(?:int\d*|char|long)|uint|ulong|ushort|uchar|byte|BYTE|WORD|DWORD|UINT|bool)\b/;

/** Calls whose result, or whose buffer, comes from outside the program. */
export const inputCalls = new Set(
  'atoi atol atoll strtol strtoul strtoll strtoull strtoimax strtoumax getenv getc fgetc getchar read recv recvfrom fread ntohs ntohl htons htonl scanf fscanf sscanf fgets gets'.split(
    ' ',
  ),
);

const relational = new Set(['<', '<=', '>', '>=', '==', '!=']);

function describeDeclarator(
  declarator: Node,
  type: string,
  isParameter: boolean,
  isInitialised: Node | null,
): Variable | null {
  let node = declarator;
  let initialiser = isInitialised;
  let isPointer = false;
  let isArray = false;
  let arraySize: Node | null = null;
  for (;;) {
    if (node.type === 'init_declarator') {
      initialiser = node.fields.value ?? null;
    } else if (node.type === 'pointer_declarator' || node.type === 'reference_declarator') {
      isPointer ||= node.type === 'pointer_declarator';
    } else if (node.type === 'array_declarator') {
      isArray = true;
      arraySize = node.fields.size ?? null;
    } else if (node.type === 'identifier' || node.type === 'field_identifier') break;
    else return null;
    const next =
      node.fields.declarator ?? node.children.find((child) => /declarator$|identifier$/.test(child.type));
    if (!next) return null;
    node = next;
  }
  const scalar = !isPointer && !isArray;
  return {
    name: node.text,
    type,
    // An array parameter is a pointer.
    isPointer: isPointer || (isArray && isParameter),
    isArray: isArray && !isParameter,
    arraySize,
    isParameter,
    isInteger: scalar && integerType.test(type),
    isUnsigned: unsignedType.test(type),
    initialiser,
    node: declarator,
  };
}

const notDeclarator =
  /specifier$|^type_|_type$|^type$|qualifier$|^attribute|identifier_list|^template_type|^number_literal|^initializer|bitfield/;

function describeDeclaration(declaration: Node, isParameter: boolean): Variable[] {
  const type = declaration.children
    .filter((child) => notDeclarator.test(child.type))
    .map((child) => child.text)
    .join(' ');
  const variables: Variable[] = [];
  for (const child of declaration.children) {
    if (notDeclarator.test(child.type)) continue;
    const variable = describeDeclarator(child, type, isParameter, null);
    if (variable) variables.push(variable);
  }
  return variables;
}

/** Declarations outside functions. */
export function collectFileFacts(root: Node): FileFacts {
  const members = new Map<string, Variable>();
  const constants = new Map<string, string>();
  const globals = new Map<string, Variable>();
  const structures = new Map<string, string[]>();
  const aliases = new Map<string, string>();
  visit(root, (node) => {
    if (node.type === 'function_definition') return false;
    if (node.type === 'preproc_function_def' && node.fields.name && node.fields.value) {
      const target = /^\(?([A-Za-z_]\w*)\s*\([^()]*\)\)?$/.exec(node.fields.value.text.trim())?.[1];
      if (target !== undefined) aliases.set(target, node.fields.name.text);
    }
    if (node.type === 'struct_specifier' && node.fields.body) {
      const names = node.fields.body.children
        .filter((child) => child.type === 'field_declaration')
        .flatMap((child) => describeDeclaration(child, false).map(({ name }) => name));
      if (node.fields.name) structures.set(node.fields.name.text, names);
      if (node.parent?.type === 'type_definition' && node.parent.fields.declarator)
        structures.set(node.parent.fields.declarator.text, names);
    }
    if (node.type === 'field_declaration')
      for (const variable of describeDeclaration(node, false)) members.set(variable.name, variable);
    else if (node.type === 'preproc_def' && node.fields.name && node.fields.value)
      constants.set(node.fields.name.text, node.fields.value.text.trim());
    else if (node.type === 'enumerator' && node.fields.name && node.fields.value)
      constants.set(node.fields.name.text, node.fields.value.text.trim());
    else if (node.type === 'declaration' && node.parent?.type !== 'function_definition')
      for (const variable of describeDeclaration(node, false)) globals.set(variable.name, variable);
    return undefined;
  });
  return { members, constants, globals, structures, aliases };
}

interface Gathered {
  readonly variables: Map<string, Variable>;
  readonly calls: Call[];
  readonly comparisons: Comparison[];
  readonly truthTests: { path: string; start: number }[];
  readonly assignments: Assignment[];
}

function gatherTruthTests(condition: Node, into: Gathered['truthTests']): void {
  const inner = unwrap(condition);
  if (inner.type === 'unary_expression' && inner.operator === '!' && inner.fields.argument)
    gatherTruthTests(inner.fields.argument, into);
  else if (inner.type === 'binary_expression' && /^(?:&&|\|\|)$/.test(inner.operator)) {
    if (inner.fields.left) gatherTruthTests(inner.fields.left, into);
    if (inner.fields.right) gatherTruthTests(inner.fields.right, into);
  } else if (inner.type === 'assignment_expression' && inner.fields.left)
    gatherTruthTests(inner.fields.left, into);
  else {
    const path = pathOf(inner);
    if (path !== null) into.push({ path, start: inner.start });
  }
}

function gatherNode(node: Node, into: Gathered, aliases: FileFacts['aliases']): void {
  const { left, right, argument, condition } = node.fields;
  switch (node.type) {
    case 'declaration':
      for (const variable of describeDeclaration(node, false)) {
        into.variables.set(variable.name, variable);
        if (variable.initialiser)
          into.assignments.push({
            path: variable.name,
            operator: '=',
            value: variable.initialiser,
            node: variable.node,
          });
      }
      break;
    case 'call_expression': {
      const written = callName(node);
      const name = written === null ? null : (aliases.get(written) ?? written);
      const args = callArguments(node);
      if (name !== null) into.calls.push({ name, args, node });
      if (name !== null && /assert|^(?:BUG_ON|WARN_ON|likely|unlikely)$/i.test(name))
        for (const arg of args) gatherTruthTests(arg, into.truthTests);
      break;
    }
    case 'assignment_expression': {
      const path = left && pathOf(left);
      if (left && right && path) into.assignments.push({ path, operator: node.operator, value: right, node });
      break;
    }
    case 'update_expression': {
      const path = argument && pathOf(argument);
      if (path) into.assignments.push({ path, operator: node.operator, value: null, node });
      break;
    }
    case 'binary_expression':
      if (left && right && relational.has(node.operator))
        into.comparisons.push({
          node,
          operator: node.operator,
          left,
          right,
          leftPaths: pathsIn(left),
          rightPaths: pathsIn(right),
        });
      else if (left && right && /^(?:&&|\|\|)$/.test(node.operator)) {
        gatherTruthTests(left, into.truthTests);
        gatherTruthTests(right, into.truthTests);
      }
      break;
    default:
      if (condition) gatherTruthTests(condition, into.truthTests);
      else if (node.type === 'unary_expression' && node.operator === '!' && argument)
        gatherTruthTests(argument, into.truthTests);
  }
}

function findTaint(gathered: Gathered): Set<string> {
  const tainted = new Set<string>();
  for (const variable of gathered.variables.values()) if (variable.isParameter) tainted.add(variable.name);
  const isTainted = (value: Node): boolean =>
    pathsIn(value).some((path) => tainted.has(path) || tainted.has(rootOf(path))) ||
    collect(value, 'call_expression').some((call) => inputCalls.has(callName(call) ?? ''));
  // Values flow through at most a few locals in functions of this size.
  for (let pass = 0; pass < 3; pass++)
    for (const { path, value } of gathered.assignments) if (value && isTainted(value)) tainted.add(path);
  for (const { name, args } of gathered.calls)
    if (inputCalls.has(name))
      for (const arg of args) {
        const target = unwrap(arg);
        const path =
          target.type === 'pointer_expression' && target.operator === '&' && target.fields.argument
            ? pathOf(target.fields.argument)
            : pathOf(target);
        if (path !== null) tainted.add(path);
      }
  return tainted;
}

/** The facts of one function definition; null when it has no body. */
export function collectFunctionFacts(node: Node, file: FileFacts): FunctionFacts | null {
  const body = node.fields.body;
  if (body?.type !== 'compound_statement') return null;
  const gathered: Gathered = {
    variables: new Map(),
    calls: [],
    comparisons: [],
    truthTests: [],
    assignments: [],
  };
  const declarator = collect(node.fields.declarator ?? node, 'function_declarator')[0];
  for (const parameter of declarator?.fields.parameters?.children ?? [])
    for (const variable of describeDeclaration(parameter, true))
      gathered.variables.set(variable.name, variable);
  visit(body, (inner) => {
    gatherNode(inner, gathered, file.aliases);
    return undefined;
  });
  const name = declarator?.fields.declarator?.text ?? '';
  return { file, node, body, name, ...gathered, tainted: findTaint(gathered) };
}
