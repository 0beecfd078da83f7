import { EnvironmentError, InputError } from '@srcode/core';

/** The source text is longer than the cap given. */
export class SourceTooLargeError extends InputError {
  constructor(length: number, limit: number) {
    super({
      code: 'CODE_SOURCE_TOO_LARGE',
      message: `Expected at most ${limit} characters of source, got ${length}. Cut the text, or raise \`maxSourceLength\`.`,
      context: { length, limit },
    });
  }
}

/** The parser did not finish within its time; the text is hostile, or the limit too tight. */
export class ParseTimeoutError extends InputError {
  constructor(length: number, timeoutMs: number) {
    super({
      code: 'CODE_PARSE_TIMEOUT',
      message: `Expected source that parses within ${timeoutMs} ms, gave up on ${length} characters of it. Treat the text as broken, or raise \`timeoutMs\`.`,
      context: { length, timeoutMs },
    });
  }
}

/** The native tree-sitter binding or its grammar could not be loaded. */
export class ParserUnavailableError extends EnvironmentError {
  constructor(cause: unknown) {
    super({
      code: 'CODE_PARSER_UNAVAILABLE',
      message: `Expected tree-sitter 0.21.1 and tree-sitter-cpp 0.23.4 with prebuilt binaries for ${process.platform}-${process.arch}, could not load them (${cause instanceof Error ? cause.message : String(cause)}). Reinstall the dependencies on this machine.`,
      context: { platform: process.platform, arch: process.arch },
      cause,
    });
  }
}

/**
 * 2 MiB of UTF-16 code units: the longest function in public vulnerability sets is under 1 MiB, and a longer text is not
 * one function.
 */
export const DEFAULT_MAX_SOURCE_LENGTH = 2 * 1024 * 1024;

/** Throws `SourceTooLargeError` when the text is longer than `limit` code units. */
export function assertSourceLength(source: string, limit: number = DEFAULT_MAX_SOURCE_LENGTH): void {
  if (source.length > limit) throw new SourceTooLargeError(source.length, limit);
}
