import type { FunctionInfo, LexicalToken } from '../types.js';
import { KEYWORDS } from './lexicon.js';

/** Words that say nothing about the type: storage, inlining, linkage. */
const DROPPED = new Set(
  'static extern inline __inline __inline__ register constexpr consteval constinit virtual explicit friend thread_local _Noreturn __extension__ auto'.split(
    ' ',
  ),
);
/** `name (…)` groups before or after a declarator that are not its parameter list. */
const NOT_A_NAME =
  /^(?:__attribute__|__attribute|__declspec|alignas|_Alignas|noexcept|throw|decltype|typeof|__typeof__|requires|asm|__asm__|if|while|for|switch|return|sizeof|catch)$/;
const ALL_CAPS = /^[A-Z][A-Z0-9_]*$/;

interface Group {
  /** Index of the name token right before `(`. */
  readonly nameIndex: number;
  readonly open: number;
  readonly close: number;
}

export interface Header {
  readonly name: string;
  readonly returnType: string;
  readonly parameters: FunctionInfo['parameters'];
}

/** Index of the bracket that closes the one at `open`, or -1. */
export function matchBracket(tokens: readonly LexicalToken[], open: number, end = tokens.length): number {
  let depth = 0;
  for (let i = open; i < end; i++) {
    const text = tokens[i]!.text;
    if (text === '(' || text === '[' || text === '{') depth++;
    else if (text === ')' || text === ']' || text === '}') {
      depth--;
      if (depth === 0) return i;
    }
  }
  return -1;
}

/** For every opening bracket the index of the one that closes it, −1 for none and for other tokens; one pass. */
export function matchBrackets(tokens: readonly LexicalToken[]): Int32Array {
  const closing = new Int32Array(tokens.length).fill(-1);
  const open: number[] = [];
  for (const [i, { text }] of tokens.entries()) {
    if (text === '(' || text === '[' || text === '{') open.push(i);
    else if (text === ')' || text === ']' || text === '}') {
      const start = open.pop();
      if (start !== undefined) closing[start] = i;
    }
  }
  return closing;
}

/** True for a word that can be the last part of a function's name; C code uses C++ keywords such as `delete` as names. */
function isNameToken(token: LexicalToken | undefined): boolean {
  if (!token) return false;
  if (token.kind === 'identifier') return true;
  return (
    token.kind === 'keyword' &&
    /^(?:new|delete|class|this|private|protected|public|template|try|catch|final|override|not|and|or|xor|export|namespace|typename|friend|using|mutable|virtual|explicit)$/.test(
      token.text,
    )
  );
}

function listGroups(tokens: readonly LexicalToken[]): Group[] {
  const groups: Group[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const text = tokens[i]!.text;
    if (text === ':' && groups.length > 0) break;
    if (text !== '(' && text !== '[') continue;
    const close = matchBracket(tokens, i);
    if (close === -1) break;
    const before = tokens[i - 1];
    const operatorAt = findOperatorName(tokens, i);
    if (
      text === '(' &&
      before &&
      (operatorAt !== -1 || (isNameToken(before) && !NOT_A_NAME.test(before.text)))
    )
      groups.push({ nameIndex: operatorAt === -1 ? i - 1 : operatorAt, open: i, close });
    // `operator()(int x)`: the first pair of brackets belongs to the name.
    if (before?.text === 'operator' && tokens[close + 1]?.text === '(') {
      const second = matchBracket(tokens, close + 1);
      if (second !== -1) groups.push({ nameIndex: i - 1, open: close + 1, close: second });
    }
    i = close;
  }
  return groups;
}

/** Index of `operator` when the tokens before `open` are an operator name (`operator ==`, `operator bool`), else -1. */
function findOperatorName(tokens: readonly LexicalToken[], open: number): number {
  for (let i = open - 1; i >= 0 && i >= open - 4; i--) {
    const token = tokens[i]!;
    if (token.text === 'operator') return i < open - 1 ? i : -1;
    if (token.text === '(' || token.text === ')' || token.text === ';') return -1;
  }
  return -1;
}

/** The group that is the parameter list, among candidates in source order. */
function chooseGroup(tokens: readonly LexicalToken[], groups: readonly Group[]): Group | undefined {
  let chosen = groups[0];
  for (let i = 1; i < groups.length && chosen; i++) {
    const next = groups[i]!;
    const first = tokens[chosen.nameIndex]!.text;
    const second = tokens[next.nameIndex]!.text;
    const annotation = second.startsWith('__') || (ALL_CAPS.test(second) && !ALL_CAPS.test(first));
    if (annotation) continue;
    // `STATIC(int) name(int x)`, `PyAPI_FUNC(int) name(void)`: a macro that makes the return type.
    chosen = next;
  }
  return chosen;
}

/** Start of a qualified name that ends at `index`: `A::B<T>::~C`. */
function qualifiedStart(tokens: readonly LexicalToken[], index: number): number {
  let start = index;
  if (tokens[start - 1]?.text === '~') start--;
  while (tokens[start - 1]?.text === '::') {
    let at = start - 2;
    if (tokens[at]?.text === '>') {
      let depth = 0;
      for (; at >= 0; at--) {
        if (tokens[at]!.text === '>') depth++;
        if (tokens[at]!.text === '<' && --depth === 0) break;
      }
      at--;
    }
    if (!isNameToken(tokens[at])) {
      start--;
      break;
    }
    start = at;
  }
  return start;
}

/** Words joined by one space, punctuation without space: `const char *` and `unsigned int`. */
export function joinType(tokens: readonly LexicalToken[]): string {
  let out = '';
  let previousWord = false;
  for (const token of tokens) {
    const word = /^[\w$]/.test(token.text);
    if (out.endsWith(',')) out += ' ';
    else if (out !== '' && word && previousWord) out += ' ';
    else if (out !== '' && previousWord && (token.text === '*' || token.text === '&')) out += ' ';
    out += token.text;
    previousWord = word;
  }
  return out;
}

function isNoise(token: LexicalToken): boolean {
  return DROPPED.has(token.text) || token.kind === 'preprocessor';
}

function stripAttributes(tokens: readonly LexicalToken[]): LexicalToken[] {
  const out: LexicalToken[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (/^__(?:attribute__|attribute|declspec)$/.test(token.text) && tokens[i + 1]?.text === '(') {
      const close = matchBracket(tokens, i + 1);
      if (close === -1) break;
      i = close;
    } else if (token.text === '[' && tokens[i + 1]?.text === '[') {
      const close = matchBracket(tokens, i);
      if (close === -1) break;
      i = close;
    } else if (!isNoise(token)) out.push(token);
  }
  return out;
}

function parseParameter(raw: readonly LexicalToken[]): { type: string; name: string | null } {
  const withoutDefault = raw.findIndex((token) => token.text === '=');
  const tokens = stripAttributes(withoutDefault === -1 ? raw : raw.slice(0, withoutDefault)).filter(
    (token) => token.text !== 'register',
  );
  const pointer = tokens.findIndex(
    (token, i) => token.text === '(' && (tokens[i + 1]?.text === '*' || tokens[i + 1]?.text === '&'),
  );
  let nameAt = -1;
  if (pointer !== -1) {
    const close = matchBracket(tokens, pointer);
    for (let i = pointer; i < close; i++) if (tokens[i]!.kind === 'identifier') nameAt = i;
  } else {
    const bracket = tokens.findIndex((token) => token.text === '[' || token.text === '(');
    const last = (bracket === -1 ? tokens.length : bracket) - 1;
    const candidate = tokens[last];
    const before = tokens[last - 1];
    const standsAlone =
      last === 0 ||
      (before !== undefined &&
        /^(?:struct|union|enum|class|const|volatile|::|typename)$/.test(before.text) &&
        tokens.slice(0, last).every((t) => KEYWORDS.has(t.text) || t.text === '::'));
    if (isNameToken(candidate) && !standsAlone) nameAt = last;
  }
  const typeTokens = tokens.filter((_, i) => i !== nameAt);
  return { type: joinType(typeTokens), name: nameAt === -1 ? null : tokens[nameAt]!.text };
}

/** Splits at commas outside brackets and template arguments. */
function splitList(tokens: readonly LexicalToken[]): LexicalToken[][] {
  const parts: LexicalToken[][] = [[]];
  let depth = 0;
  let angle = 0;
  for (const token of tokens) {
    const text = token.text;
    if (text === '(' || text === '[' || text === '{') depth++;
    else if (text === ')' || text === ']' || text === '}') depth--;
    else if (text === '<') angle++;
    else if (text === '>') angle = Math.max(0, angle - 1);
    else if (text === '>>') angle = Math.max(0, angle - 2);
    if (text === ',' && depth === 0 && angle === 0) parts.push([]);
    else parts.at(-1)!.push(token);
  }
  return parts;
}

/** Parameters of an old-style definition `f(a, b) int a; char *b; {`. */
function parseOldStyle(
  names: readonly LexicalToken[][],
  declarations: readonly LexicalToken[],
): Header['parameters'] {
  const types = new Map<string, string>();
  let current: LexicalToken[] = [];
  for (const token of declarations) {
    if (token.text !== ';') {
      current.push(token);
      continue;
    }
    const parts = splitList(current);
    const first = parts[0]!;
    const base = first.slice(
      0,
      Math.max(
        1,
        first.findIndex((t, i) => i > 0 && (t.text === '*' || i === first.length - 1)),
      ),
    );
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

/** Name, return type and parameters of the tokens before a function body, or null when they are no function header. */
export function parseHeader(tokens: readonly LexicalToken[]): Header | null {
  const firstSemicolon = tokens.findIndex((token) => token.text === ';');
  const declarator = firstSemicolon === -1 ? tokens : tokens.slice(0, firstSemicolon);
  const group = chooseGroup(declarator, listGroups(declarator));
  if (!group) return null;
  const nameStart = qualifiedStart(declarator, group.nameIndex);
  const nameTokens = declarator.slice(nameStart, group.open);
  const name = /^operator/.test(declarator[group.nameIndex]!.text)
    ? joinType(nameTokens)
    : nameTokens.map((token) => token.text).join('');
  const templateFree = stripTemplate(declarator.slice(0, nameStart));
  let returnType = joinType(stripAttributes(templateFree));
  const after = declarator.slice(group.close + 1);
  const arrow = after.findIndex((token) => token.text === '->');
  if (arrow !== -1) returnType = joinType(stripAttributes(after.slice(arrow + 1)));
  const inner = declarator.slice(group.open + 1, group.close);
  const parts = inner.length === 0 ? [] : splitList(inner).filter((part) => part.length > 0);
  const oldStyle = firstSemicolon !== -1;
  const parameters = oldStyle
    ? parseOldStyle(parts, [...after, ...tokens.slice(firstSemicolon)])
    : parts.map(parseParameter);
  const isVoid = parameters.length === 1 && parameters[0]!.type === 'void' && parameters[0]!.name === null;
  return { name, returnType, parameters: isVoid ? [] : parameters };
}

function stripTemplate(tokens: readonly LexicalToken[]): readonly LexicalToken[] {
  if (tokens[0]?.text !== 'template') return tokens;
  let depth = 0;
  for (let i = 1; i < tokens.length; i++) {
    const text = tokens[i]!.text;
    if (text === '<') depth++;
    else if (text === '>') depth--;
    else if (text === '>>') depth -= 2;
    if (depth <= 0) return stripTemplate(tokens.slice(i + 1));
  }
  return tokens;
}
