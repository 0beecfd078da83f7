export { type DiffTokensOptions, diffTokens } from './diff-tokens.js';
export {
  DEFAULT_MAX_SOURCE_LENGTH,
  ParserUnavailableError,
  ParseTimeoutError,
  SourceTooLargeError,
} from './errors.js';
export { type CodeBlock, extractFirstCodeBlock } from './extract-code-block.js';
export { extractSignature, findFunctions, findFunctionsInTokens } from './find-functions.js';
export { normalizedHash, structuralHash, structuralTexts } from './hash-code.js';
export { diffSequences } from './internal/myers.js';
export {
  DEFAULT_PARSE_TIMEOUT_MS,
  type ParseTreeOptions,
  type Point,
  parseTree,
  type SyntaxNode,
  type SyntaxTree,
} from './internal/parser.js';
export { type LexTokensOptions, lexTokens } from './lex-tokens.js';
export {
  codeShingles,
  type FindNearDuplicatesOptions,
  groupNearDuplicates,
  jaccardSimilarity,
  minHash,
  type ShinglesOptions,
  shingles,
  textShingles,
} from './near-duplicates.js';
export { type ParseCodeOptions, parseCode } from './parse-code.js';
export type { DiffHunk, FunctionInfo, LexicalToken, ParseReport } from './types.js';
