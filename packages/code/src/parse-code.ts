import type { Language } from '@srcode/dataset';
import { assertSourceLength } from './errors.js';
import { findFunctions } from './find-functions.js';
import { parseTree, type SyntaxNode } from './internal/parser.js';
import type { LexTokensOptions } from './lex-tokens.js';
import type { ParseReport } from './types.js';

/**
 * How well a text parses as C or C++, and the functions in it.
 *
 * Both languages go through the C++ grammar, which reads nearly all of C; `language` is accepted so that callers need not
 * change when a C grammar is added. About one real function in five has an ERROR node (macros, cut headers) and is usable
 * all the same: judge by `cleanShare`, not by `ok` alone.
 *
 * @throws SourceTooLargeError, ParserUnavailableError
 */
export function parseCode(
  source: string,
  _language: Language = 'c',
  options: LexTokensOptions = {},
): ParseReport {
  assertSourceLength(source, options.maxSourceLength);
  const root = parseTree(source).rootNode;
  const broken = { characters: 0, missing: 0 };
  if (root.hasError) countErrors(root, broken);
  const total = Math.max(1, source.length);
  return {
    ok: !root.hasError,
    cleanShare: Math.max(0, 1 - broken.characters / total),
    functions: findFunctions(source, options),
  };
}

/** Adds up the outermost ERROR nodes below; visits only subtrees that have one. */
function countErrors(root: SyntaxNode, broken: { characters: number; missing: number }): void {
  const stack: SyntaxNode[] = [root];
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (node.type === 'ERROR') broken.characters += node.endIndex - node.startIndex;
    else if (node.isMissing) broken.missing++;
    else if (node.hasError) stack.push(...node.children);
  }
}
