import { matchBracket, matchBrackets, parseHeader } from './internal/parse-header.js';
import { type LexTokensOptions, lexTokens } from './lex-tokens.js';
import type { FunctionInfo, LexicalToken } from './types.js';

/** `{` after these words opens a scope that may hold functions, not a body. */
const SCOPE_WORDS = new Set(['namespace', 'class', 'struct', 'union', 'extern', 'enum']);

/**
 * The functions defined in C or C++ text, outermost, in order of appearance; methods inside classes and namespaces count.
 *
 * Works on lexical tokens, so that it also reads what the grammar cannot: functions cut at the name without return type,
 * attribute macros, old-style parameter lists, C++ keywords as C names, `#if` branches that open the same brace twice (the
 * first branch counts). A function without its closing brace ends at the end of the text. Empty when there is none.
 *
 * @throws SourceTooLargeError
 */
export function findFunctions(source: string, options: LexTokensOptions = {}): FunctionInfo[] {
  return findFunctionsInTokens(lexTokens(source, options));
}

/** As `findFunctions`, on tokens that are at hand. */
export function findFunctionsInTokens(allTokens: readonly LexicalToken[]): FunctionInfo[] {
  const tokens = dropDirectives(allTokens);
  const closing = matchBrackets(tokens);
  const functions: FunctionInfo[] = [];
  let headerStart = 0;
  for (let i = 0; i < tokens.length; i++) {
    const text = tokens[i]!.text;
    if (text === '(' || text === '[') {
      const close = closing[i]!;
      if (close === -1) {
        headerStart = i + 1;
        continue;
      }
      i = close;
    } else if (text === '}' || (text === ';' && !isOldStyle(tokens, headerStart, i))) headerStart = i + 1;
    else if (isAccessLabel(tokens, i)) headerStart = i + 1;
    else if (text === '{') {
      const step = enterBrace(tokens, closing, headerStart, i);
      if (step.found) functions.push(step.found);
      i = step.next;
      headerStart = i + 1;
    }
  }
  return functions;
}

/** The first function of the text, or null. */
export function extractSignature(source: string, options: LexTokensOptions = {}): FunctionInfo | null {
  return findFunctions(source, options)[0] ?? null;
}

interface Step {
  readonly found: FunctionInfo | null;
  /** Index of the last token read. */
  readonly next: number;
}

function enterBrace(
  tokens: readonly LexicalToken[],
  closing: Int32Array,
  headerStart: number,
  open: number,
): Step {
  const header = tokens.slice(headerStart, open);
  const parsed = isScope(header) ? null : parseHeader(header);
  if (!parsed) {
    // A scope's content is read on; an initialiser `= { … }` is skipped.
    const skip = hasInitialiser(header) || header.some((token) => token.text === 'enum');
    const close = skip ? closing[open]! : open;
    return { found: null, next: close === -1 ? tokens.length : close };
  }
  const close = closing[open]!;
  const last = close === -1 ? tokens.length - 1 : close;
  const types = parsed.parameters.map((parameter) => parameter.type).join(', ');
  return {
    found: {
      ...parsed,
      signature: `${parsed.returnType}${parsed.returnType === '' ? '' : ' '}${parsed.name}(${types})`,
      start: tokens[headerStart]!.start,
      end: tokens[last]!.end,
      bodyStart: tokens[open]!.start,
      bodyEnd: tokens[last]!.end,
    },
    next: last,
  };
}

function isScope(header: readonly LexicalToken[]): boolean {
  if (header.length === 0) return true;
  if (hasInitialiser(header)) return true;
  const bracket = header.findIndex((token) => token.text === '(');
  const words = bracket === -1 ? header : header.slice(0, bracket);
  const first = words.find((token) => SCOPE_WORDS.has(token.text));
  if (!first) return false;
  if (first.text === 'extern') return header.some((token) => token.kind === 'string');
  if (first.text === 'namespace') return true;
  // `struct s *f(int a) {` is a function, `struct s {` and `class A : public B<int> {` are not.
  return bracket === -1;
}

/** True for `=` outside brackets, as before `{ … }` data; the `=` of `operator=` and of default arguments is none. */
function hasInitialiser(header: readonly LexicalToken[]): boolean {
  let depth = 0;
  for (const [i, { text }] of header.entries()) {
    if (text === '(' || text === '[') depth++;
    else if (text === ')' || text === ']') depth--;
    else if (text === '=' && depth === 0 && header[i - 1]?.text !== 'operator') return true;
  }
  return false;
}

/** True when `;` ends a parameter declaration of an old-style definition: `f(a) int a; {`. */
function isOldStyle(tokens: readonly LexicalToken[], headerStart: number, semicolon: number): boolean {
  let close = -1;
  for (let i = headerStart; i < semicolon; i++) {
    if (tokens[i]!.text === '=' || tokens[i]!.text === 'typedef') return false;
    if (tokens[i]!.text === '(' && close === -1) {
      close = matchBracket(tokens, i, semicolon);
      if (close === -1 || tokens[i - 1]?.kind !== 'identifier') return false;
      i = close;
    }
  }
  const after = tokens[close + 1];
  if (close === -1 || !after || close + 1 >= semicolon) return false;
  if (
    !(
      after.kind === 'identifier' ||
      after.kind === 'type' ||
      /^(?:struct|union|enum|const|register|volatile)$/.test(after.text)
    )
  )
    return false;
  // Only declarations may stand between here and the body.
  for (let i = semicolon + 1, declared = 0; i < tokens.length && declared < 64; i++, declared++) {
    const text = tokens[i]!.text;
    if (text === '{') return true;
    if (text === '(' || text === '}' || text === '=') return false;
  }
  return false;
}

function isAccessLabel(tokens: readonly LexicalToken[], at: number): boolean {
  return tokens[at]!.text === ':' && /^(?:public|private|protected)$/.test(tokens[at - 1]?.text ?? '');
}

/** Tokens without directive lines, and without every branch of a conditional but the first. */
function dropDirectives(tokens: readonly LexicalToken[]): LexicalToken[] {
  const out: LexicalToken[] = [];
  const conditionals: { skipping: boolean }[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (token.kind !== 'preprocessor') {
      if (!conditionals.some((conditional) => conditional.skipping)) out.push(token);
      continue;
    }
    const top = conditionals.at(-1);
    if (/^#if/.test(token.text)) conditionals.push({ skipping: false });
    else if (/^#el/.test(token.text) && top) top.skipping = true;
    else if (token.text === '#endif') conditionals.pop();
    // The rest of the directive's line; continuation lines have no mark in tokens, so a macro's body is read by line.
    while (tokens[i + 1] && tokens[i + 1]!.kind !== 'preprocessor' && tokens[i + 1]!.line === token.line) i++;
  }
  return out;
}
