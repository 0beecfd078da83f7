import { findOutside, matchBracket, matchBrackets } from './internal/brackets.js';
import { parseHeader, skipPrefix } from './internal/parse-header.js';
import { isNameToken } from './internal/parse-type.js';
import { type LexTokensOptions, lexTokens } from './lex-tokens.js';
import type { FunctionInfo, LexicalToken } from './types.js';

/** `{` after these words opens a scope that may hold functions, not a body. */
const CLASS_WORDS = /^(?:namespace|class|struct|union|enum)$/;
/** Words before `:` that divide a class and name no member; Qt's among them. */
const LABEL_WORDS = /^(?:public|private|protected|slots|signals|Q_SLOTS|Q_SIGNALS)$/;

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
  let header = startHeader(0);
  for (let i = 0; i < tokens.length; i++) {
    const text = tokens[i]!.text;
    if (text === '(' || text === '[') {
      const close = closing[i]!;
      if (close === -1) header = startHeader(i + 1);
      else {
        header.hasList ||= text === '(';
        i = close;
      }
    } else if (text === '}' || (text === ';' && !isOldStyle(tokens, header.start, i)))
      header = startHeader(i + 1);
    else if (text === ':') {
      if (isAccessLabel(tokens, i)) header = startHeader(i + 1);
      else if (header.hasList) header.hasInitialisers ??= !declaresClass(tokens.slice(header.start, i));
    } else if (text === '{') {
      if (header.hasInitialisers && isMemberName(tokens[i - 1]!)) {
        // `: a(1), b{2} {`: what stands in these braces is a value; a text cut inside them has no body.
        i = closing[i] === -1 ? tokens.length : closing[i]!;
        continue;
      }
      const step = enterBrace(tokens, closing, header.start, i);
      if (step.found) functions.push(step.found);
      i = step.next;
      header = startHeader(i + 1);
    }
  }
  return functions;
}

/** The first function of the text, or null. */
export function extractSignature(source: string, options: LexTokensOptions = {}): FunctionInfo | null {
  return findFunctions(source, options)[0] ?? null;
}

/** What is known of the tokens since the last statement or block ended. */
interface OpenHeader {
  readonly start: number;
  hasList: boolean;
  /** True from the `:` on that starts a constructor's member initialisers; false when that `:` starts base classes. */
  hasInitialisers: boolean | null;
}

function startHeader(start: number): OpenHeader {
  return { start, hasList: false, hasInitialisers: null };
}

/** True for the end of `name` and `Base<int>`, before whose braces a member initialiser's value stands. */
function isMemberName(token: LexicalToken): boolean {
  return token.kind === 'identifier' || token.text === '>' || token.text === '>>';
}

function declaresClass(header: readonly LexicalToken[]): boolean {
  return findOutside(header, (token) => CLASS_WORDS.test(token.text), skipPrefix(header)) !== -1;
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
  const whole = tokens.slice(headerStart, open);
  const header = whole.slice(skipPrefix(whole));
  const parsed = isScope(header) ? null : parseHeader(header);
  if (!parsed) {
    // A scope's content is read on; an initialiser `= { … }` is skipped.
    const skip = hasInitialiser(header) || header.some((token) => token.text === 'enum');
    const close = skip ? closing[open]! : open;
    return { found: null, next: close === -1 ? tokens.length : close };
  }
  const last = findBodyEnd(tokens, closing, header, open);
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

/** Index of the last token of the body, with the handlers of a function that is one `try` block. */
function findBodyEnd(
  tokens: readonly LexicalToken[],
  closing: Int32Array,
  header: readonly LexicalToken[],
  open: number,
): number {
  let close = closing[open]!;
  if (findOutside(header, (token) => token.text === 'try') !== -1)
    while (close !== -1 && tokens[close + 1]?.text === 'catch' && tokens[close + 2]?.text === '(') {
      const brace = closing[close + 2]! + 1;
      if (brace === 0 || tokens[brace]?.text !== '{') break;
      close = closing[brace]!;
    }
  return close === -1 ? tokens.length - 1 : close;
}

/** True for the words before a brace that opens a scope or holds data; they come without `template <…>`. */
function isScope(header: readonly LexicalToken[]): boolean {
  if (header.length === 0) return true;
  if (hasInitialiser(header)) return true;
  const bracket = header.findIndex((token) => token.text === '(');
  const words = bracket === -1 ? header : header.slice(0, bracket);
  const word = words.findIndex((token) => CLASS_WORDS.test(token.text));
  if (word === -1) return false;
  if (words[word]!.text === 'namespace' || bracket === -1) return true;
  // `struct s *f(int a) {` is a function; `struct s {` and `class EXPORT(x) A : public B<int> {` are not.
  const close = matchBracket(header, bracket);
  return bracket === word + 2 && header[close + 1]?.kind === 'identifier';
}

/** True for `=` outside brackets, as before `{ … }` data; the `=` of `operator=` and of default arguments is none. */
function hasInitialiser(header: readonly LexicalToken[]): boolean {
  return findOutside(header, ({ text }, i) => text === '=' && header[i - 1]?.text !== 'operator') !== -1;
}

/** Declarations of an old-style definition are searched this far, in tokens. */
const MAX_OLD_STYLE_TOKENS = 256;

/** True when `;` ends a parameter declaration of an old-style definition: `f(a) int a; {`. */
function isOldStyle(tokens: readonly LexicalToken[], headerStart: number, semicolon: number): boolean {
  const list = findNameList(tokens, headerStart, semicolon);
  if (list === -1 || list + 1 >= semicolon) return false;
  const after = tokens[list + 1]!;
  const declares = /^(?:struct|union|enum|const|register|volatile)$/.test(after.text);
  if (!declares && after.kind !== 'identifier' && after.kind !== 'type') return false;
  // Only declarations may stand between here and the body.
  const end = Math.min(tokens.length, semicolon + MAX_OLD_STYLE_TOKENS);
  for (let i = semicolon + 1; i < end; i++) {
    const text = tokens[i]!.text;
    if (text === '{') return tokens[i - 1]!.text === ';';
    if (text === '}' || text === '=') return false;
    if (text !== '(') continue;
    // The brackets of `int (*callback)();`, the only ones in a declaration of a parameter.
    if (tokens[i + 1]?.text !== '*' && tokens[i - 1]!.text !== ')') return false;
    const close = matchBracket(tokens, i, end);
    if (close === -1) return false;
    i = close;
  }
  return false;
}

/** Index of the `)` of the first brackets, when nothing but names stands in them: `f(a, b)`; else -1. */
function findNameList(tokens: readonly LexicalToken[], start: number, end: number): number {
  let open = start;
  for (; open < end && tokens[open]!.text !== '('; open++)
    if (tokens[open]!.text === '=' || tokens[open]!.text === 'typedef') return -1;
  if (open >= end || tokens[open - 1]?.kind !== 'identifier') return -1;
  for (let i = open + 1; i < end; i += 2) {
    if (!isNameToken(tokens[i])) return -1;
    if (tokens[i + 1]?.text === ')') return i + 1;
    if (tokens[i + 1]?.text !== ',') return -1;
  }
  return -1;
}

function isAccessLabel(tokens: readonly LexicalToken[], at: number): boolean {
  return LABEL_WORDS.test(tokens[at - 1]?.text ?? '');
}

/** Tokens without directives, and without every branch of a conditional but the first. */
function dropDirectives(tokens: readonly LexicalToken[]): LexicalToken[] {
  const out: LexicalToken[] = [];
  const skipping: boolean[] = [];
  let skips = 0;
  for (const token of tokens) {
    if (token.inDirective) continue;
    if (token.kind !== 'preprocessor') {
      if (skips === 0) out.push(token);
    } else if (/^#if/.test(token.text)) skipping.push(false);
    else if (/^#el/.test(token.text) && skipping.at(-1) === false) {
      skipping[skipping.length - 1] = true;
      skips++;
    } else if (token.text === '#endif' && skipping.pop()) skips--;
  }
  return out;
}
