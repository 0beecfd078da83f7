import { parseTree, type SyntaxNode } from '@srcode/code';

/**
 * A node of the syntax tree copied out of the native binding: rules walk it many times, and every property read on
 * a native node crosses into C.
 */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  /** 1-based. */
  readonly line: number;
  /** 1-based, UTF-16 code units. */
  readonly column: number;
  readonly parent: Node | null;
  /** Named children, comments left out. */
  readonly children: readonly Node[];
  readonly fields: Readonly<Record<string, Node>>;
  /** Of unary, binary, update, pointer and assignment expressions; else empty. */
  readonly operator: string;
  readonly text: string;
}

const fieldNames = [
  ...['declarator', 'type', 'value', 'body', 'function', 'arguments', 'left', 'right', 'argument', 'field'],
  ...['condition', 'consequence', 'alternative', 'initializer', 'update', 'size', 'parameters', 'name'],
  ...['indices', 'label', 'index'],
] as const;

/** Deeper nests than these are not code that people or models mean; cutting them bounds the recursion of every rule. */
const maxDepth = 250;
const maxNodes = 200_000;

interface MutableNode extends Node {
  children: Node[];
  fields: Record<string, Node>;
}

function copyNode(native: SyntaxNode, parent: Node | null, source: string): MutableNode {
  const start = native.startIndex;
  const end = native.endIndex;
  const position = native.startPosition;
  return {
    type: native.type,
    start,
    end,
    line: position.row + 1,
    column: position.column + 1,
    parent,
    children: [],
    fields: {},
    operator: /^(?:unary|binary|update|pointer|assignment|field)_expression$/.test(native.type)
      ? (native.childForFieldName('operator')?.type ?? '')
      : '',
    get text() {
      return source.slice(start, end);
    },
  };
}

/** The tree of C or C++ text, copied. Throws `ParserUnavailableError` and `ParseTimeoutError` of `@srcode/code`. */
export function parseSyntax(source: string): Node {
  const native = parseTree(source).rootNode;
  const root = copyNode(native, null, source);
  const stack: { native: SyntaxNode; copy: MutableNode; depth: number }[] = [
    { native, copy: root, depth: 0 },
  ];
  let nodes = 0;
  for (let item = stack.pop(); item && nodes < maxNodes; item = stack.pop()) {
    if (item.depth >= maxDepth) continue;
    for (const child of item.native.namedChildren) {
      if (child.type === 'comment') continue;
      nodes++;
      const copy = copyNode(child, item.copy, source);
      item.copy.children.push(copy);
      if (child.childCount > 0) stack.push({ native: child, copy, depth: item.depth + 1 });
    }
    for (const name of fieldNames) {
      const target = item.native.childForFieldName(name);
      if (!target) continue;
      const copy = item.copy.children.find(
        (child) =>
          child.start === target.startIndex && child.end === target.endIndex && child.type === target.type,
      );
      if (copy) item.copy.fields[name] = copy;
    }
  }
  return root;
}

/** Visits a node and what is below it, in source order. Return `false` to skip what is below. */
export function visit(node: Node, visitor: (node: Node) => boolean | undefined): void {
  if (visitor(node) === false) return;
  for (const child of node.children) visit(child, visitor);
}

/** Nodes of a type at or below a node, in source order. */
export function collect(node: Node, ...types: readonly string[]): Node[] {
  const found: Node[] = [];
  visit(node, (inner) => {
    if (types.includes(inner.type)) found.push(inner);
    return undefined;
  });
  return found;
}

/** The expression without parentheses and casts around it. */
export function unwrap(node: Node): Node {
  let inner = node;
  for (;;) {
    if (inner.type === 'parenthesized_expression' || inner.type === 'condition_clause') {
      const next = inner.fields.value ?? inner.children[0];
      if (!next) return inner;
      inner = next;
    } else if (inner.type === 'cast_expression' && inner.fields.value) inner = inner.fields.value;
    else return inner;
  }
}

/** Text without whitespace, to compare expressions. */
export function compact(node: Node): string {
  return node.text.replace(/\s+/g, '');
}

/** `a`, `a->b`, `a.b`, `*a`: something that holds a value and has a name. Null for other expressions. */
export function pathOf(node: Node): string | null {
  const inner = unwrap(node);
  if (inner.type === 'identifier') return inner.text;
  if (inner.type === 'field_expression') return compact(inner);
  if (inner.type === 'pointer_expression' && inner.operator === '*') {
    // No argument where the tree was cut, see `maxDepth`.
    const below = inner.fields.argument ? pathOf(inner.fields.argument) : null;
    return below === null ? null : `*${below}`;
  }
  return null;
}

/** The variable at the root of a path: `a` of `a->b.c`, `*a`, `a[1].b`. */
export function rootOf(path: string): string {
  return /[A-Za-z_]\w*/.exec(path)?.[0] ?? path;
}

/**
 * Paths that an expression reads, outermost first: `a->b` and `a` for `a->b + 1`, `a[i]`, `a` and `i` for `a[i]`; callee
 * and member names are none.
 */
export function pathsIn(node: Node): string[] {
  const paths: string[] = [];
  visit(node, (inner) => {
    if (inner.type === 'identifier') {
      if (!(inner.parent?.type === 'call_expression' && inner.parent.fields.function === inner))
        paths.push(inner.text);
    } else if (inner.type === 'field_expression' || inner.type === 'subscript_expression')
      paths.push(compact(inner));
    else if (inner.type === 'pointer_expression' && inner.operator === '*') {
      const path = pathOf(inner);
      if (path !== null) paths.push(path);
    } else if (inner.type === 'sizeof_expression') return false;
    return undefined;
  });
  return paths;
}

/** Name of the function called, or null for calls through expressions. */
export function callName(call: Node): string | null {
  const callee = call.fields.function;
  if (!callee) return null;
  if (callee.type === 'identifier') return callee.text;
  if (callee.type === 'qualified_identifier') return callee.text.replace(/^.*::/, '');
  return null;
}

export function callArguments(call: Node): readonly Node[] {
  return call.fields.arguments?.children ?? [];
}

/** Value of a numeric literal or of a macro defined as one; null otherwise. */
export function numberOf(node: Node, constants: ReadonlyMap<string, string>): number | null {
  const inner = unwrap(node);
  let text = inner.type === 'identifier' ? (constants.get(inner.text) ?? '') : inner.text;
  if (inner.type === 'unary_expression' && inner.operator !== '-') return null;
  if (inner.type === 'char_literal') return 1;
  text = text.replace(/[()\s]/g, '').replace(/[uUlL]+$/, '');
  return /^-?(?:0[xX][0-9a-fA-F]+|\d+)$/.test(text) ? Number(text) : null;
}

/** Text as a regular expression that matches it literally. */
export function escapePattern(text: string): string {
  return text.replace(/[^\w]/g, '\\$&');
}

export function isStringLiteral(node: Node): boolean {
  const inner = unwrap(node);
  return (
    inner.type === 'string_literal' ||
    inner.type === 'raw_string_literal' ||
    (inner.type === 'concatenated_string' &&
      inner.children.every((part) => part.type !== 'identifier' || /^PRI|^SCN/.test(part.text)))
  );
}

export function isNull(node: Node): boolean {
  const inner = unwrap(node);
  return inner.type === 'null' || inner.type === 'nullptr' || /^(?:NULL|0|nullptr)$/.test(inner.text);
}

/** The innermost enclosing node of one of the types, or null. */
export function enclosing(node: Node, ...types: readonly string[]): Node | null {
  for (let at = node.parent; at !== null; at = at.parent) if (types.includes(at.type)) return at;
  return null;
}

export function isInside(node: Node, outer: Node): boolean {
  return node.start >= outer.start && node.end <= outer.end;
}

/** The statement that contains a node: a child of a block, or the sole body of an `if` or loop. */
export function statementOf(node: Node): Node {
  let at = node;
  while (
    at.parent !== null &&
    at.parent.type !== 'compound_statement' &&
    at.parent.type !== 'case_statement' &&
    at.parent.type !== 'labeled_statement' &&
    at.parent.type !== 'translation_unit' &&
    !(/^(?:if|while|for|do)_statement$|^else_clause$/.test(at.parent.type) && /_statement$/.test(at.type))
  )
    at = at.parent;
  return at;
}
