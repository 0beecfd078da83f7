import { createRequire } from 'node:module';
import { ParserUnavailableError } from '../errors.js';

export interface Point {
  readonly row: number;
  readonly column: number;
}

/** The part of the binding's node that we use; the grammar's own types are not exported for 0.23.4. */
export interface SyntaxNode {
  readonly type: string;
  readonly isNamed: boolean;
  readonly isMissing: boolean;
  readonly hasError: boolean;
  readonly startIndex: number;
  readonly endIndex: number;
  readonly startPosition: Point;
  readonly endPosition: Point;
  readonly childCount: number;
  readonly children: readonly SyntaxNode[];
  readonly namedChildren: readonly SyntaxNode[];
  readonly parent: SyntaxNode | null;
  readonly text: string;
  childForFieldName(name: string): SyntaxNode | null;
  descendantsOfType(types: string | readonly string[]): SyntaxNode[];
}

export interface SyntaxTree {
  readonly rootNode: SyntaxNode;
}

interface NativeParser {
  setLanguage(language: unknown): void;
  parse(input: string, oldTree: undefined, options: { bufferSize: number }): SyntaxTree;
}

let parser: NativeParser | undefined;

function loadParser(): NativeParser {
  if (parser) return parser;
  try {
    const require = createRequire(import.meta.url);
    const NativeParserClass = require('tree-sitter') as new () => NativeParser;
    const grammar: unknown = require('tree-sitter-cpp');
    const created = new NativeParserClass();
    created.setLanguage(grammar);
    parser = created;
    return created;
  } catch (cause) {
    throw new ParserUnavailableError(cause);
  }
}

/**
 * The syntax tree of C or C++ text by the one shared parser. Positions are UTF-16 code units.
 *
 * A tree's native memory is freed after the garbage collector has seen it, and only when the event loop turns: a loop over
 * thousands of texts must await something real (I/O, `setImmediate`) now and then, or memory grows by about 60 bytes per
 * character parsed.
 *
 * The binding reads input through a buffer of `bufferSize` bytes and throws on texts that do not fit its 32 KiB default.
 */
export function parseTree(source: string): SyntaxTree {
  return loadParser().parse(source, undefined, { bufferSize: Math.max(32 * 1024, source.length * 2 + 1024) });
}
