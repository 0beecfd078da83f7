import type { LexicalToken } from '../types.js';

/** Template arguments of more tokens than this are none; without a bound `a<` repeated would be quadratic. */
const MAX_TEMPLATE_ARGUMENTS = 1024;

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

/** Index of the `>` (or `>>`) that closes the `<` at `open`, or -1; what stands in other brackets is skipped. */
export function matchAngle(tokens: readonly LexicalToken[], open: number): number {
  let depth = 0;
  for (let i = open, seen = 0; i < tokens.length && seen < MAX_TEMPLATE_ARGUMENTS; i++, seen++) {
    const text = tokens[i]!.text;
    if (text === '(' || text === '[' || text === '{') {
      const close = matchBracket(tokens, i);
      if (close === -1) return -1;
      i = close;
    } else if (text === '<') depth++;
    else if (text === '>') depth--;
    else if (text === '>>') depth -= 2;
    else if (text === ';') return -1;
    if (depth <= 0) return i;
  }
  return -1;
}

/** Index of the `<` that opens the template arguments closed at `close`, or -1. */
export function matchAngleBack(tokens: readonly LexicalToken[], close: number): number {
  let depth = 0;
  for (let i = close; i >= 0 && i > close - MAX_TEMPLATE_ARGUMENTS; i--) {
    const text = tokens[i]!.text;
    if (text === '>') depth++;
    else if (text === '>>') depth += 2;
    else if (text === '<') depth--;
    else if (text === ';' || text === '{' || text === '}') return -1;
    if (depth <= 0) return i;
  }
  return -1;
}

/** Index of the first token outside brackets that is the one looked for, or -1. */
export function findOutside(
  tokens: readonly LexicalToken[],
  wanted: (token: LexicalToken, index: number) => boolean,
  start = 0,
): number {
  let depth = 0;
  for (let i = start; i < tokens.length; i++) {
    const text = tokens[i]!.text;
    if (depth === 0 && wanted(tokens[i]!, i)) return i;
    if (text === '(' || text === '[' || text === '{') depth++;
    else if (text === ')' || text === ']' || text === '}') depth = Math.max(0, depth - 1);
  }
  return -1;
}

/** Splits at commas outside brackets and template arguments. */
export function splitList(tokens: readonly LexicalToken[]): LexicalToken[][] {
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
