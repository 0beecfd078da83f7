import { type LexicalToken, ParseTimeoutError, parseTree, type SyntaxNode } from '@srcode/code';

/** Longer texts are not parsed: hostile ones take time that grows with the square, and no limit of the parser's holds it all. */
const MAX_PARSED_CHARS = 20_000;
const PARSE_TIMEOUT_MS = 1000;

/** The root of a text's tree; null where it is too long or too slow to parse. */
export function parseBounded(code: string): SyntaxNode | null {
  if (code.length > MAX_PARSED_CHARS) return null;
  try {
    return parseTree(code, { timeoutMs: PARSE_TIMEOUT_MS }).rootNode;
  } catch (error) {
    if (ParseTimeoutError.isInstance(error)) return null;
    throw error;
  }
}

/** Tokens of an ERROR node that are blamed; the parser may wrap everything after the break in one. */
const MAX_BLAMED_TOKENS = 4;

const closerOf: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };
const closers: ReadonlySet<string> = new Set(Object.values(closerOf));

/**
 * Indices of the tokens at which a text stops being C or C++, empty where it parses, or is too long or slow to be parsed.
 *
 * The first closing bracket that closes nothing, where there is one: what came before could still have been finished.
 * Else the first tokens of the parser's first ERROR or MISSING node. `start` is the place of `code` in the text that the
 * tokens' offsets count in.
 */
export function findSyntaxBreak(code: string, tokens: readonly LexicalToken[], start: number): number[] {
  const root = parseBounded(code);
  if (!root?.hasError || tokens.length === 0) return [];
  const bracket = findUnmatchedCloser(tokens);
  if (bracket !== -1) return [bracket];
  const node = findFirstBreak(root);
  if (node === null) return [];
  const [from, to] = [start + node.startIndex, start + node.endIndex];
  const within: number[] = [];
  for (const [index, token] of tokens.entries()) {
    if (token.start >= to || within.length === MAX_BLAMED_TOKENS) break;
    if (token.end > from) within.push(index);
  }
  if (within.length > 0) return within;
  // Something is missing: the token that came instead, or the last one.
  const next = tokens.findIndex((token) => token.start >= from);
  return [next === -1 ? tokens.length - 1 : next];
}

function findUnmatchedCloser(tokens: readonly LexicalToken[]): number {
  const open: string[] = [];
  for (const [index, { text }] of tokens.entries()) {
    const closer = closerOf[text];
    if (closer !== undefined) open.push(closer);
    else if (closers.has(text) && open.pop() !== text) return index;
  }
  return -1;
}

/** The first MISSING node or innermost ERROR node in the order of the text; null when there is none. */
function findFirstBreak(root: SyntaxNode): SyntaxNode | null {
  let node: SyntaxNode | undefined = root;
  let innermost: SyntaxNode | null = null;
  while (node !== undefined) {
    if (node.isMissing) return node;
    if (node.type === 'ERROR') innermost = node;
    node = node.children.find((child) => child.isMissing || child.type === 'ERROR' || child.hasError);
  }
  return innermost;
}
