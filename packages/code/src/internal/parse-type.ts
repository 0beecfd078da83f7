import type { FunctionInfo, LexicalToken } from '../types.js';
import { findOutside, matchAngle, matchBracket, splitList } from './brackets.js';
import { KEYWORDS } from './lexicon.js';

type Parameter = FunctionInfo['parameters'][number];

/** Words that say nothing about the type: storage, inlining, linkage. */
const DROPPED = new Set(
  'static extern inline __inline __inline__ register constexpr consteval constinit virtual explicit friend thread_local _Noreturn __extension__'.split(
    ' ',
  ),
);
/** C code uses C++ keywords as names: `delete`, `class`, `this`. */
const KEYWORD_NAME =
  /^(?:new|delete|class|this|private|protected|public|template|try|catch|final|override|not|and|or|xor|export|namespace|typename|friend|using|mutable|virtual|explicit)$/;
const WORD = /^[\w$]/;
const ALL_CAPS = /^[A-Z][A-Z0-9_]*$/;

/** Parameter lists inside parameters inside … are read this deep; what is deeper stays as it is written. */
const MAX_NESTING = 8;

/** True for a word that can be the last part of a function's name. */
export function isNameToken(token: LexicalToken | undefined): boolean {
  if (!token) return false;
  return token.kind === 'identifier' || (token.kind === 'keyword' && KEYWORD_NAME.test(token.text));
}

/** `EXPORT`, `STATIC`, `__init`: a name that C code gives to macros. */
export function isMacroLike(text: string): boolean {
  return ALL_CAPS.test(text) || text.startsWith('__');
}

/** Words joined by one space, punctuation without space: `const char *` and `unsigned int`. */
export function joinType(tokens: readonly { readonly text: string }[]): string {
  // Parts, and no look at the end of a growing string, which costs as much as the string is long.
  const parts: string[] = [];
  let previous = '';
  for (const { text } of tokens) {
    const afterWord = WORD.test(previous);
    const spaced =
      previous === ',' ||
      (WORD.test(text) && (afterWord || /[>)]$/.test(previous))) ||
      (afterWord && (text === '*' || text === '&'));
    parts.push(spaced ? ` ${text}` : text);
    previous = text;
  }
  return parts.join('');
}

/** Without storage words, linkage (`extern "C"`) and attributes of every spelling. */
export function stripAttributes(tokens: readonly LexicalToken[]): LexicalToken[] {
  const out: LexicalToken[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    const next = tokens[i + 1];
    const isCall = /^(?:__attribute__|__attribute|__declspec|alignas|_Alignas|explicit)$/.test(token.text);
    const open = isCall && next?.text === '(' ? i + 1 : token.text === '[' && next?.text === '[' ? i : -1;
    if (open !== -1) {
      const close = matchBracket(tokens, open);
      if (close === -1) break;
      i = close;
    } else if (token.text === 'extern' && next?.kind === 'string') i++;
    else if (!DROPPED.has(token.text) && token.kind !== 'preprocessor') out.push(token);
  }
  return out;
}

/** Gives the end of the template arguments at an index; once a `<` is never closed, none after it is asked about. */
function createAngleSkipper(tokens: readonly LexicalToken[]): (open: number) => number {
  let isOpen = false;
  return (open) => {
    const close = isOpen ? -1 : matchAngle(tokens, open);
    isOpen ||= close === -1;
    return Math.max(open, close);
  };
}

/** Index of a parenthesised declarator, as the `(` of `int (*f)(void)`, outside template arguments; or -1. */
function findPointerGroup(tokens: readonly LexicalToken[]): number {
  const skipAngles = createAngleSkipper(tokens);
  for (let i = 0; i < tokens.length; i++) {
    const text = tokens[i]!.text;
    if (text === '<') i = skipAngles(i);
    else if (text === '[') return -1;
    else if (text === '(') {
      if (isPointerAt(tokens, i + 1)) return i;
      i = Math.max(i, matchBracket(tokens, i));
    }
  }
  return -1;
}

/** True where a pointer declarator starts: `*x`, `&x`, `A::*x`, `WINAPI *x`. */
function isPointerAt(tokens: readonly LexicalToken[], at: number): boolean {
  let i = at;
  while (tokens[i] && (isNameToken(tokens[i]) || tokens[i]!.text === '::')) i++;
  return /^(?:\*|&|&&|\^)$/.test(tokens[i]?.text ?? '');
}

/** Index of the bracket that follows a declared name: of `[4]`, or of the parameters of a function; or -1. */
function findSuffix(tokens: readonly LexicalToken[]): number {
  const skipAngles = createAngleSkipper(tokens);
  for (let i = 0; i < tokens.length; i++) {
    const text = tokens[i]!.text;
    if (text === '<') i = skipAngles(i);
    else if (text === '[') return i;
    else if (text === '(') {
      const close = matchBracket(tokens, i);
      const next = tokens[close + 1]?.text;
      // `STACK_OF(X509) *sk`: a macro that makes the type, and the name is still to come.
      if (close === -1 || next === undefined || next === '(' || next === '[') return i;
      i = close;
    }
  }
  return -1;
}

function isTypeEnd(token: LexicalToken | undefined): boolean {
  if (!token) return false;
  return (
    token.kind === 'type' ||
    /^[*&>]/.test(token.text) ||
    (token.kind === 'identifier' && !isMacroLike(token.text))
  );
}

/** Index of the name that a declaration of the form `type name` ends with at `last`, or -1. */
function findDeclaredName(tokens: readonly LexicalToken[], last: number): number {
  const before = tokens[last - 1];
  if (!isNameToken(tokens[last]) || !before || before.text === '::') return -1;
  const alone =
    /^(?:struct|union|enum|class|const|volatile|typename)$/.test(before.text) &&
    tokens.slice(0, last).every((token) => KEYWORDS.has(token.text));
  if (alone) return -1;
  // `int a UNUSED`, `char *s TSRMLS_DC`: a macro behind the name.
  const annotated =
    ALL_CAPS.test(tokens[last]!.text) &&
    before.kind === 'identifier' &&
    !isMacroLike(before.text) &&
    isTypeEnd(
      /^(?:const|restrict|volatile)$/.test(tokens[last - 2]?.text ?? '')
        ? tokens[last - 3]
        : tokens[last - 2],
    );
  return annotated ? last - 1 : last;
}

/** Type and name of one parameter; the names of parameters inside it are dropped too. */
export function parseParameter(raw: readonly LexicalToken[], nesting = 0): Parameter {
  const value = findOutside(raw, (token) => token.text === '=');
  const tokens = stripAttributes(value === -1 ? raw : raw.slice(0, value));
  const pointer = findPointerGroup(tokens);
  const suffix = pointer === -1 ? findSuffix(tokens) : matchBracket(tokens, pointer) + 1;
  const nameAt =
    pointer === -1
      ? findDeclaredName(tokens, (suffix === -1 ? tokens.length : suffix) - 1)
      : findPointerName(tokens, pointer, suffix);
  const list = tokens[suffix]?.text === '(' && (pointer !== -1 || nameAt !== -1) ? suffix : -1;
  const name = nameAt === -1 ? null : tokens[nameAt]!.text;
  const withoutName = (part: readonly LexicalToken[], from: number) =>
    part.filter((_, i) => i + from !== nameAt);
  const close = list === -1 ? -1 : matchBracket(tokens, list);
  if (close === -1 || nesting >= MAX_NESTING) return { type: joinType(withoutName(tokens, 0)), name };
  const parameters = splitList(tokens.slice(list + 1, close))
    .filter((part) => part.length > 0)
    .map((part) => parseParameter(part, nesting + 1).type);
  return {
    type: joinType([
      ...withoutName(tokens.slice(0, list + 1), 0),
      { text: parameters.join(', ') },
      ...tokens.slice(close),
    ]),
    name,
  };
}

/** Index of the name in a pointer declarator `( … )` that ends before `end`; -1 for `(*)`. */
function findPointerName(tokens: readonly LexicalToken[], open: number, end: number): number {
  for (let i = open + 1; i < end; i++) {
    const next = tokens[i + 1]?.text ?? '';
    const isName = tokens[i]!.kind === 'identifier' && (next === ')' || next === '[' || next === '(');
    if (isName) return i;
  }
  return -1;
}

/** Parameters of an old-style definition `f(a, b) int a; char *b; {`. */
export function parseOldStyle(
  names: readonly (readonly LexicalToken[])[],
  declarations: readonly LexicalToken[],
): Parameter[] {
  const types = new Map<string, string>();
  let current: LexicalToken[] = [];
  for (const token of declarations) {
    if (token.text !== ';') {
      current.push(token);
      continue;
    }
    const parts = splitList(current);
    const base = readBaseType(parts[0]!);
    for (const [i, part] of parts.entries()) {
      const parameter = parseParameter(i === 0 ? part : [...base, ...part]);
      if (parameter.name) types.set(parameter.name, parameter.type);
    }
    current = [];
  }
  return names.map((part) => {
    const name = part[0]?.text ?? null;
    return { type: (name && types.get(name)) || 'int', name };
  });
}

/** The part of a declaration that its further declarators share: `char` of `char *a[4], b`. */
function readBaseType(declaration: readonly LexicalToken[]): readonly LexicalToken[] {
  const mark = declaration.findIndex((token, i) => i > 0 && /^[*&([]/.test(token.text));
  if (mark === -1) return declaration.slice(0, Math.max(1, declaration.length - 1));
  const text = declaration[mark]!.text;
  const isSuffix = text === '[' || (text === '(' && !isPointerAt(declaration, mark + 1));
  return declaration.slice(0, Math.max(1, isSuffix ? mark - 1 : mark));
}
