import { createRequire } from 'node:module';
import { InputError } from '@srcode/core';
import { assertSourceLength, ParserUnavailableError, ParseTimeoutError } from '../errors.js';

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
  /** Null when the time ran out. */
  parse(input: string, oldTree: undefined, options: { bufferSize: number }): SyntaxTree | null;
  /** An unsigned 32-bit number; 0 for no limit. */
  setTimeoutMicros(timeout: number): void;
  /** Forgets a parse that was cut short; without it the next one goes on from there. */
  reset(): void;
}

/**
 * 5 s: 2 Mi characters of plain code take about half a second, and the slowest real function of public vulnerability sets
 * a few hundredths. What takes longer is made to: `a<b>::` repeated grows as the square of its length and more.
 */
export const DEFAULT_PARSE_TIMEOUT_MS = 5_000;

export interface ParseTreeOptions {
  /**
   * Wall-clock limit in milliseconds, more than 0; `Infinity` for none. Default 5,000.
   *
   * The binding looks at the clock while it reads the text, and not while it puts the tree together at its end. What is
   * made to be slow there grows as the square of its length whatever the limit: `;*` repeated takes about 3 s at 24,000
   * characters and 13 s at 48,000. Where that matters, set `maxSourceLength` too.
   */
  readonly timeoutMs?: number;
  /** Cap in UTF-16 code units. Default 2 Mi. */
  readonly maxSourceLength?: number;
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
 *
 * @throws SourceTooLargeError, ParseTimeoutError, ParserUnavailableError; InputError for a limit that is not a number above 0
 */
export function parseTree(source: string, options: ParseTreeOptions = {}): SyntaxTree {
  assertSourceLength(source, options.maxSourceLength);
  const timeoutMs = options.timeoutMs ?? DEFAULT_PARSE_TIMEOUT_MS;
  const native = loadParser();
  native.setTimeoutMicros(toTimeoutMicros(timeoutMs));
  const tree = native.parse(source, undefined, { bufferSize: Math.max(32 * 1024, source.length * 2 + 1024) });
  if (tree) return tree;
  native.reset();
  throw new ParseTimeoutError(source.length, timeoutMs);
}

function toTimeoutMicros(timeoutMs: number): number {
  if (!(timeoutMs > 0))
    throw new InputError({
      code: 'CODE_PARSE_TIMEOUT_OPTION',
      message: `Expected \`timeoutMs\` above 0 (\`Infinity\` for no limit), got ${timeoutMs}.`,
    });
  return timeoutMs === Infinity ? 0 : Math.min(2 ** 32 - 1, Math.ceil(timeoutMs * 1000));
}
