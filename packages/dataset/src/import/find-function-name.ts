import { lexTokens } from '../internal/lexical-text.js';

const word = /^[A-Za-z_$\u0080-\uffff][\w$\u0080-\uffff]*$/;
/** Words that stand before a parenthesis ahead of a function's name without being it. */
const notNames = new Set([
  '__attribute__',
  '__attribute',
  '__declspec',
  'alignas',
  'decltype',
  'noexcept',
  'explicit',
  'throw',
  'asm',
  '__asm__',
]);

/** Index just past the bracket that closes the one at `open`. */
function skipBrackets(tokens: readonly string[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at++) {
    if (tokens[at] === '(') depth++;
    else if (tokens[at] === ')' && --depth === 0) return at + 1;
  }
  return tokens.length;
}

/** The qualified name that ends just before the token at `end`, such as `A::B::~B`. */
function readQualifiedName(tokens: readonly string[], end: number): string {
  let start = end - 1;
  if (tokens[start - 1] === '~') start--;
  while (
    start >= 3 &&
    tokens[start - 1] === ':' &&
    tokens[start - 2] === ':' &&
    word.test(tokens[start - 3] ?? '')
  )
    start -= 3;
  return tokens.slice(start, end).join('');
}

/**
 * The name of the function that a text defines, qualified as written (`Image::read`), or null.
 *
 * A heuristic for labels and sanity checks, without a parse tree: the first word followed by a parameter
 * list that is not an attribute; for a macro such as `PHP_FUNCTION(name)` that defines the function, the macro.
 */
export function findFunctionName(text: string): string | null {
  const tokens = lexTokens(text);
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]!;
    if (token === '{' || token === ';' || token === '=') return readOperatorName(tokens, at);
    if (token === '#') return null;
    if (token !== '(') continue;
    const before = tokens[at - 1] ?? '';
    if (notNames.has(before)) {
      at = skipBrackets(tokens, at) - 1;
      continue;
    }
    if (!word.test(before)) continue;
    const after = tokens[skipBrackets(tokens, at)];
    // `MACRO(args) type name(...)`: the macro is a prefix when another name and list follow.
    if (after !== undefined && word.test(after) && /^[A-Z_][A-Z0-9_]*$/.test(before)) {
      const later = findLaterName(tokens, skipBrackets(tokens, at));
      if (later !== null) return later;
    }
    return readQualifiedName(tokens, at);
  }
  return null;
}

/** The name before the next parenthesis ahead of any brace or semicolon, or null. */
function findLaterName(tokens: readonly string[], from: number): string | null {
  for (let at = from; at < tokens.length; at++) {
    const token = tokens[at]!;
    if (token === '{' || token === ';' || token === '=') return null;
    if (token === '(' && word.test(tokens[at - 1] ?? '')) return readQualifiedName(tokens, at);
  }
  return null;
}

/** `A::operator=` and its like, whose names are not words. */
function readOperatorName(tokens: readonly string[], stop: number): string | null {
  const at = tokens.lastIndexOf('operator', stop);
  if (at === -1) return null;
  const open = tokens.indexOf('(', at + 2);
  return open === -1 ? null : `${readQualifiedName(tokens, at + 1)}${tokens.slice(at + 1, open).join('')}`;
}
