/**
 * A small lexer for comparing C and C++ texts: enough to see past comments and layout, nothing more.
 *
 * `@srcode/code` has the real one (tree-sitter), but this package stands before it in the import order and
 * must also work in a browser-free, native-free install. The two are never mixed: these tokens only feed
 * hashes and similarity inside this package.
 */

/** Alternatives in order: comments, line continuations, strings, characters, words, numbers, any other character. */
const lexeme =
  /\/\/(?:[^\n\\]|\\[\s\S])*|\/\*[\s\S]*?(?:\*\/|$)|\\\r?\n|"(?:[^"\\\n]|\\[\s\S])*"?|'(?:[^'\\\n]|\\[\s\S])*'?|[A-Za-z_$\u0080-\uffff][\w$\u0080-\uffff]*|\.?\d(?:[eEpP][+-]|[\w.'])*|\S/g;

/** Lexical tokens of a C or C++ text, comments and whitespace dropped; never throws, whatever the text. */
export function lexTokens(text: string): string[] {
  const tokens: string[] = [];
  for (const [token] of text.matchAll(lexeme)) {
    if (token.startsWith('//') || token.startsWith('/*') || token.startsWith('\\\n') || token === '\\\r\n')
      continue;
    tokens.push(token);
  }
  return tokens;
}

/** One line per text such that texts that differ in comments and layout alone are equal. */
export function normaliseText(text: string): string {
  return lexTokens(text).join('\u0001');
}

/** Jaccard similarity in [0, 1] of two multisets of tokens; 1 for two empty ones. */
export function tokenOverlap(a: readonly string[], b: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const token of a) counts.set(token, (counts.get(token) ?? 0) + 1);
  let shared = 0;
  for (const token of b) {
    const left = counts.get(token) ?? 0;
    if (left > 0) {
      shared++;
      counts.set(token, left - 1);
    }
  }
  const union = a.length + b.length - shared;
  return union === 0 ? 1 : shared / union;
}
