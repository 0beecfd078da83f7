import type { Language } from '@srcode/dataset';
import { assertSourceLength, ParseTimeoutError } from './errors.js';
import { findFunctions } from './find-functions.js';
import { type ParseTreeOptions, parseTree, type SyntaxNode } from './internal/parser.js';
import type { LexTokensOptions } from './lex-tokens.js';
import type { ParseReport } from './types.js';

export interface ParseCodeOptions extends LexTokensOptions, ParseTreeOptions {}

/**
 * How well a text parses as C or C++, and the functions in it.
 *
 * Both languages go through the C++ grammar, which reads nearly all of C; `language` is accepted so that callers need not
 * change when a C grammar is added. About one real function in five has an ERROR node (macros, cut headers) and is usable
 * all the same: judge by `cleanShare`, not by `ok` alone. A text that takes the parser longer than `timeoutMs` is an
 * outcome like any other: `timedOut`, with nothing of it clean.
 *
 * @throws SourceTooLargeError, ParserUnavailableError; InputError for a limit that is not a number above 0
 */
export function parseCode(
  source: string,
  _language: Language = 'c',
  options: ParseCodeOptions = {},
): ParseReport {
  assertSourceLength(source, options.maxSourceLength);
  return { ...readTree(source, options), functions: findFunctions(source, options) };
}

function readTree(source: string, options: ParseTreeOptions): Omit<ParseReport, 'functions'> {
  try {
    const root = parseTree(source, options).rootNode;
    const share = root.hasError ? countBroken(root) / Math.max(1, source.length) : 0;
    return { ok: !root.hasError, cleanShare: Math.max(0, 1 - share), timedOut: false };
  } catch (error) {
    if (ParseTimeoutError.isInstance(error)) return { ok: false, cleanShare: 0, timedOut: true };
    throw error;
  }
}

/** Characters in the outermost ERROR nodes below; visits only subtrees that have one. */
function countBroken(root: SyntaxNode): number {
  let characters = 0;
  const stack: SyntaxNode[] = [root];
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (node.type === 'ERROR') characters += node.endIndex - node.startIndex;
    // One by one: a node can have more children than a call can have arguments.
    else if (node.hasError && !node.isMissing) for (const child of node.children) stack.push(child);
  }
  return characters;
}
