import type { FunctionInfo, LexicalToken } from '../types.js';
import { findOutside, matchAngle, matchAngleBack, matchBracket, splitList } from './brackets.js';
import {
  isMacroLike,
  isNameToken,
  joinType,
  parseOldStyle,
  parseParameter,
  stripAttributes,
} from './parse-type.js';

/** `name (…)` groups before or after a declarator that are not its parameter list. */
const NOT_A_NAME =
  /^(?:__attribute__|__attribute|__declspec|alignas|_Alignas|noexcept|throw|decltype|typeof|__typeof__|requires|asm|__asm__|if|while|for|switch|return|sizeof|catch|explicit)$/;

/** A header has a few of these; without a bound a text of nothing else would be quadratic. */
const MAX_GROUPS = 32;

/** Longest name of a conversion operator in tokens: `operator std::map<std::string, int> *`. */
const MAX_OPERATOR_TOKENS = 24;

/** A declarator `name ( … )`. */
interface Group {
  /** Tokens [nameIndex, nameEnd) are the last part of the name. */
  readonly nameIndex: number;
  readonly nameEnd: number;
  readonly open: number;
  readonly close: number;
  /** The brackets around `(f)` and `(*f(int))`, where there are any; `end` is where the suffixes `(char)[3]` end. */
  readonly around: { readonly open: number; readonly end: number; readonly isPointer: boolean } | null;
}

export interface Header {
  readonly name: string;
  readonly returnType: string;
  readonly parameters: FunctionInfo['parameters'];
}

/** Index of the first token after template parameters, their constraint and `extern "C"`. */
export function skipPrefix(tokens: readonly LexicalToken[]): number {
  let at = 0;
  for (;;) {
    const text = tokens[at]?.text;
    const next = tokens[at + 1];
    if (text === 'template' && next?.text === '<') {
      const close = matchAngle(tokens, at + 1);
      if (close === -1) return at;
      at = close + 1;
    } else if (text === 'extern' && next?.kind === 'string') at += 2;
    else if (text === 'requires' && at > 0) at = skipConstraint(tokens, at + 1);
    else return at;
  }
}

/** Index after the constraint that starts at `at`: names, brackets and template arguments joined by `&&` and `||`. */
function skipConstraint(tokens: readonly LexicalToken[], start: number): number {
  let at = start;
  for (;;) {
    if (tokens[at]?.text === '!') at++;
    while (tokens[at] && (tokens[at]!.text === '::' || tokens[at + 1]?.text === '::')) at++;
    if (tokens[at]?.text === '(') at = matchBracket(tokens, at);
    else if (tokens[at + 1]?.text === '<') at = matchAngle(tokens, at + 1);
    if (at === -1) return start;
    at++;
    if (!/^(?:&&|\|\|)$/.test(tokens[at]?.text ?? '')) return Math.min(at, tokens.length);
    at++;
  }
}

/** True where the declarator is over: member initialisers, a trailing return type, a constraint, a `try` block. */
function endsDeclarator(tokens: readonly LexicalToken[], at: number): boolean {
  const text = tokens[at]!.text;
  return (
    text === ':' ||
    text === 'requires' ||
    (text === 'try' && tokens[at + 1]?.text !== '(') ||
    (text === '->' && tokens[at - 1]?.text !== 'operator')
  );
}

function listGroups(tokens: readonly LexicalToken[]): Group[] {
  const groups: Group[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const text = tokens[i]!.text;
    if (groups.length === MAX_GROUPS || (groups.length > 0 && endsDeclarator(tokens, i))) break;
    if (text !== '(' && text !== '[') continue;
    const close = matchBracket(tokens, i);
    if (close === -1) break;
    const group = text === '(' ? readGroup(tokens, i, close) : null;
    if (group) groups.push(group);
    // `operator()(int x)`: the first pair of brackets belongs to the name.
    else if (tokens[i - 1]?.text === 'operator' && tokens[close + 1]?.text === '(') {
      const second = matchBracket(tokens, close + 1);
      if (second !== -1)
        groups.push({ nameIndex: i - 1, nameEnd: close + 1, open: close + 1, close: second, around: null });
    }
    i = Math.max(close, group?.around?.end ?? group?.close ?? 0);
  }
  return groups;
}

/** The declarator whose name stands before the `(` at `open`, or in it; null when there is none. */
function readGroup(tokens: readonly LexicalToken[], open: number, close: number): Group | null {
  const operator = findOperatorName(tokens, open);
  if (operator !== -1) return { nameIndex: operator, nameEnd: open, open, close, around: null };
  const nameIndex = findNameBefore(tokens, open);
  const isNamed = nameIndex !== -1 && !NOT_A_NAME.test(tokens[nameIndex]!.text);
  const next = tokens[close + 1]?.text;
  if (next === '(' || next === '[') {
    const inner = readInnerDeclarator(tokens, open, close, isNamed);
    if (inner) return inner;
  }
  if (!isNamed) return null;
  if (next === '(') {
    // `F77_NAME(foo)(int *a)`: a macro that makes the name.
    const second = matchBracket(tokens, close + 1);
    if (second !== -1) return { nameIndex, nameEnd: close + 1, open: close + 1, close: second, around: null };
  }
  return { nameIndex, nameEnd: open, open, close, around: null };
}

/** Index of the name right before `open`, template arguments passed over (`f<int>(`), or -1. */
function findNameBefore(tokens: readonly LexicalToken[], open: number): number {
  let at = open - 1;
  if (/^>>?$/.test(tokens[at]?.text ?? '')) at = matchAngleBack(tokens, at) - 1;
  return at >= 0 && isNameToken(tokens[at]) ? at : -1;
}

/** The declarator in brackets of `int (f)(int a)` and of `int (*f(int a))(char)`, which returns a pointer to function. */
function readInnerDeclarator(
  tokens: readonly LexicalToken[],
  open: number,
  close: number,
  isNamed: boolean,
): Group | null {
  const first = tokens[open + 1]!.text;
  if (/^(?:\*|&|&&)$/.test(first)) {
    let inner = open + 2;
    while (inner < close && tokens[inner]!.text !== '(') inner++;
    const end = matchBracket(tokens, inner, close);
    if (inner >= close || end === -1 || !isNameToken(tokens[inner - 1])) return null;
    let last = close;
    while (tokens[last + 1]?.text === '(' || tokens[last + 1]?.text === '[') {
      const next = matchBracket(tokens, last + 1);
      if (next === -1) break;
      last = next;
    }
    return {
      nameIndex: inner - 1,
      nameEnd: inner,
      open: inner,
      close: end,
      around: { open, end: last, isPointer: true },
    };
  }
  if (close !== open + 2 || !isNameToken(tokens[open + 1]) || tokens[close + 1]!.text !== '(') return null;
  // `foo_t (f)(int a)` has the type before it; `WRAP(f)(int a)` and `int NAME(f)(int a)` are macros that make the name.
  const isMacro = isNamed && (isMacroLike(tokens[open - 1]!.text) || hasType(tokens.slice(0, open - 1)));
  const end = matchBracket(tokens, close + 1);
  if (isMacro || end === -1) return null;
  return {
    nameIndex: open + 1,
    nameEnd: close,
    open: close + 1,
    close: end,
    around: { open, end, isPointer: false },
  };
}

/** Index of `operator` when the tokens before `open` are an operator name (`operator ==`, `operator bool`), else -1. */
function findOperatorName(tokens: readonly LexicalToken[], open: number): number {
  for (let i = open - 1; i >= 0 && i >= open - MAX_OPERATOR_TOKENS; i--) {
    const token = tokens[i]!;
    if (token.text === 'operator') return i < open - 1 ? i : -1;
    if (/^[();{}]$/.test(token.text)) return -1;
  }
  return -1;
}

/** True when the tokens name a type, by more than macros and words that say nothing. */
function hasType(tokens: readonly LexicalToken[]): boolean {
  return stripAttributes(tokens).some(
    (token) =>
      token.kind === 'type' ||
      (token.kind === 'identifier' && !isMacroLike(token.text)) ||
      /^(?:struct|union|enum|class|auto|decltype)$/.test(token.text),
  );
}

/** The group that is the parameter list, among candidates in source order. */
function chooseGroup(tokens: readonly LexicalToken[], groups: readonly Group[]): Group | undefined {
  let chosen = groups[0];
  for (let i = 1; i < groups.length && chosen; i++) {
    const next = groups[i]!;
    const first = tokens[chosen.nameIndex]!.text;
    const second = tokens[next.nameIndex]!.text;
    const follows = chosen.close + 1 === next.nameIndex;
    // `void f(int a) ATTRIBUTE(1)`, and also in small letters where what came first is whole: `int f(int a) printf_like(1)`.
    const isAnnotation =
      second.startsWith('__') ||
      (!isMacroLike(first) &&
        (isMacroLike(second) || (follows && hasType(tokens.slice(0, chosen.nameIndex)))));
    // `STATIC(int) name(int x)`, `PyAPI_FUNC(int) name(void)`: a macro that makes the return type.
    if (!isAnnotation) chosen = next;
  }
  return chosen;
}

/** Start of a qualified name that ends at `index`: `A::B<T>::~C`. */
function qualifiedStart(tokens: readonly LexicalToken[], index: number): number {
  let start = index;
  if (tokens[start - 1]?.text === '~') start--;
  while (tokens[start - 1]?.text === '::') {
    let at = start - 2;
    if (/^>>?$/.test(tokens[at]?.text ?? '')) at = matchAngleBack(tokens, at) - 1;
    if (at < 0 || !isNameToken(tokens[at])) return start - 1;
    start = at;
  }
  return start;
}

/**
 * Without leading macro calls that are statements of their own, though no semicolon says so: `EXPORT_SYMBOL(f) int f(…)`.
 * A macro that makes the type stays, as `PyAPI_FUNC(int)` in `PyAPI_FUNC(int) f(…)`: nothing after it is a type.
 */
function dropLeadingCalls(tokens: readonly LexicalToken[]): readonly LexicalToken[] {
  let rest = tokens;
  for (let calls = 0; calls < MAX_GROUPS; calls++) {
    const open = rest.findIndex((token, i) => token.text === '(' && rest[i - 1]?.kind === 'identifier');
    const close = open === -1 ? -1 : matchBracket(rest, open);
    if (close === -1) return rest;
    const after = rest.slice(close + 1);
    if (!/^(?:static|extern|inline)$/.test(after[0]?.text ?? '') && !hasType(after)) return rest;
    rest = after;
  }
  return rest;
}

/**
 * Name, return type and parameters of the tokens between what `skipPrefix` skips and a function body, or null when they
 * are no function header.
 */
export function parseHeader(tokens: readonly LexicalToken[]): Header | null {
  const semicolon = findOutside(tokens, (token) => token.text === ';');
  const declarator = semicolon === -1 ? tokens : tokens.slice(0, semicolon);
  const group = chooseGroup(declarator, listGroups(declarator));
  if (!group) return null;
  const nameStart = qualifiedStart(declarator, group.nameIndex);
  const nameTokens = declarator.slice(nameStart, group.nameEnd);
  const name =
    declarator[group.nameIndex]!.text === 'operator'
      ? joinType(nameTokens)
      : nameTokens.map((token) => token.text).join('');
  const after = declarator.slice(group.close + 1);
  const inner = declarator.slice(group.open + 1, group.close);
  const parts = splitList(inner).filter((part) => part.length > 0);
  const parameters =
    semicolon === -1
      ? parts.map((part) => parseParameter(part))
      : parseOldStyle(parts, [...after, ...tokens.slice(semicolon)]);
  const isVoid = parameters.length === 1 && parameters[0]!.type === 'void' && parameters[0]!.name === null;
  return {
    name,
    returnType: readReturnType(declarator, group, nameStart, after),
    parameters: isVoid ? [] : parameters,
  };
}

function readReturnType(
  declarator: readonly LexicalToken[],
  group: Group,
  nameStart: number,
  after: readonly LexicalToken[],
): string {
  const end = findOutside(after, (_, i) => endsDeclarator(after, i));
  if (after[end]?.text === '->') {
    const tail = after.slice(end + 1);
    const stop = findOutside(tail, (token) => /^(?:requires|override|final|try)$/.test(token.text));
    return joinType(stripAttributes(stop === -1 ? tail : tail.slice(0, stop)));
  }
  if (group.around?.isPointer) {
    // What is left of `int (*f(int a))(char)` without `f(int a)` declares a pointer like any other.
    const pointer = [
      ...declarator.slice(0, nameStart),
      ...declarator.slice(group.close + 1, group.around.end + 1),
    ];
    return parseParameter(pointer).type;
  }
  return joinType(stripAttributes(dropLeadingCalls(declarator.slice(0, group.around?.open ?? nameStart))));
}
