import type { LexicalToken } from '../types.js';
import { BUILT_IN_TYPES, DIRECTIVES, KEYWORDS, OPERATORS_BY_FIRST } from './lexicon.js';

const WORD = /[$_\p{ID_Start}][$\p{ID_Continue}]*/uy;
const DECIMAL = /\.?[0-9](?:[eE][+-]|'[0-9A-Za-z_]|[0-9A-Za-z_.])*/y;
const HEXADECIMAL = /0[xX](?:[pP][+-]|'[0-9A-Za-z_]|[0-9A-Za-z_.])*/y;
const SPACE = /\s/u;
const DIRECTIVE = /#[ \t]*([a-z_]+)/y;
const HEADER_NAME = /<[^>\n]*>/y;
const LITERAL_PREFIX = /^(?:u8|[LuU])?R?$/;
const PUNCTUATION = new Set(['(', ')', '{', '}', '[', ']', ',', ';', ':']);

/** A delimiter is at most 16 characters in C++; unclosed raw strings are searched this often, to stay linear. */
const MAX_RAW_FAILURES = 8;

function execAt(pattern: RegExp, source: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(source);
}

/** One pass over a source text. Create one per text. */
export class Scanner {
  readonly #source: string;
  readonly #tokens: LexicalToken[] = [];
  #at = 0;
  #line = 1;
  #lineStart = true;
  #expectHeader = false;
  #inDirective = false;
  /** End of the line on which a `"` or `'` found no partner: later ones on that line stand alone. */
  #looseUntil: Record<'"' | "'", number> = { '"': -1, "'": -1 };
  #rawFailures = 0;

  constructor(source: string) {
    this.#source = source;
  }

  scan(): LexicalToken[] {
    while (this.#at < this.#source.length) {
      if (!this.#skipBlank()) this.#scanToken();
    }
    return this.#tokens;
  }

  #emit(kind: LexicalToken['kind'], end: number, text = this.#source.slice(this.#at, end)): void {
    const token = { text, kind, start: this.#at, end, line: this.#line };
    this.#tokens.push(this.#inDirective ? { ...token, inDirective: true } : token);
    this.#moveTo(end);
    this.#lineStart = false;
    this.#expectHeader = false;
  }

  /** Moves on and counts the line breaks passed. */
  #moveTo(end: number): void {
    for (let at = this.#at; at < end; at++) if (this.#source.charCodeAt(at) === 10) this.#line++;
    this.#at = end;
  }

  /** Skips one run of whitespace, one line continuation or one comment; false when a token starts here. */
  #skipBlank(): boolean {
    const source = this.#source;
    const char = source[this.#at]!;
    if (char === '\n') {
      this.#line++;
      this.#at++;
      this.#lineStart = true;
      this.#expectHeader = false;
      this.#inDirective = false;
      return true;
    }
    if (char === ' ' || char === '\t' || (char > '~' ? SPACE.test(char) : char < ' ' && SPACE.test(char))) {
      this.#at++;
      return true;
    }
    if (char === '\\') {
      const length = source[this.#at + 1] === '\n' ? 2 : source.startsWith('\r\n', this.#at + 1) ? 3 : 0;
      if (length === 0) return false;
      this.#at += length;
      this.#line++;
      return true;
    }
    if (char !== '/') return false;
    if (source[this.#at + 1] === '/') {
      this.#moveTo(this.#lineCommentEnd(this.#at));
      return true;
    }
    if (source[this.#at + 1] === '*') {
      const close = source.indexOf('*/', this.#at + 2);
      this.#moveTo(close === -1 ? source.length : close + 2);
      return true;
    }
    return false;
  }

  #lineCommentEnd(start: number): number {
    const source = this.#source;
    for (let end = source.indexOf('\n', start); end !== -1; end = source.indexOf('\n', end + 1)) {
      const last = source[end - 1] === '\r' ? end - 2 : end - 1;
      if (source[last] !== '\\') return end;
    }
    return source.length;
  }

  #scanToken(): void {
    const source = this.#source;
    const char = source[this.#at]!;
    if (char === '"' || char === "'") {
      this.#scanQuoted(this.#at, char);
      return;
    }
    if (char === '#' && this.#lineStart) {
      const directive = execAt(DIRECTIVE, source, this.#at);
      if (directive && DIRECTIVES.has(directive[1]!)) {
        this.#emit('preprocessor', this.#at + directive[0].length, `#${directive[1]}`);
        this.#expectHeader = /^i(?:nclude|mport)/.test(directive[1]!);
        this.#inDirective = true;
        return;
      }
    }
    if (char === '<' && this.#expectHeader) {
      const header = execAt(HEADER_NAME, source, this.#at);
      if (header) {
        this.#emit('string', this.#at + header[0].length);
        return;
      }
    }
    const number = execAt(HEXADECIMAL, source, this.#at) ?? execAt(DECIMAL, source, this.#at);
    if (number) {
      this.#emit('number', this.#at + number[0].length);
      return;
    }
    const word = execAt(WORD, source, this.#at);
    if (word) {
      this.#scanWord(word[0]);
      return;
    }
    this.#scanSymbol(char);
  }

  #scanWord(word: string): void {
    const end = this.#at + word.length;
    const quote = this.#source[end];
    if ((quote === '"' || quote === "'") && word.length <= 3 && LITERAL_PREFIX.test(word)) {
      if (word.endsWith('R') && quote === '"') {
        if (this.#scanRawString(end)) return;
      } else if (!word.endsWith('R')) {
        this.#scanQuoted(end, quote);
        return;
      }
    }
    this.#emit(KEYWORDS.has(word) ? 'keyword' : BUILT_IN_TYPES.has(word) ? 'type' : 'identifier', end);
  }

  /** A literal whose opening quote is at `open`; where it is not closed on its line, the quote stands alone. */
  #scanQuoted(open: number, quote: '"' | "'"): void {
    const source = this.#source;
    if (open >= this.#looseUntil[quote]) {
      let at = open + 1;
      while (at < source.length && source[at] !== quote && source[at] !== '\n') {
        at += source[at] !== '\\' ? 1 : source.startsWith('\r\n', at + 1) ? 3 : 2;
      }
      if (source[at] === quote) {
        this.#emit(quote === '"' ? 'string' : 'char', at + 1);
        return;
      }
      this.#looseUntil[quote] = Math.min(at, source.length);
    }
    if (open > this.#at) this.#emit('identifier', open);
    this.#emit('punctuation', open + 1);
  }

  #scanRawString(open: number): boolean {
    if (this.#rawFailures >= MAX_RAW_FAILURES) return false;
    const delimiter = /"([^\s()\\"]{0,16})\(/y;
    const match = execAt(delimiter, this.#source, open);
    if (!match) return false;
    const closing = `)${match[1]}"`;
    const close = this.#source.indexOf(closing, open + match[0].length);
    if (close === -1) {
      this.#rawFailures++;
      return false;
    }
    this.#emit('string', close + closing.length);
    return true;
  }

  #scanSymbol(char: string): void {
    if (PUNCTUATION.has(char) && !(char === ':' && this.#source[this.#at + 1] === ':')) {
      this.#emit('punctuation', this.#at + 1);
      return;
    }
    for (const operator of OPERATORS_BY_FIRST.get(char) ?? []) {
      if (this.#source.startsWith(operator, this.#at)) {
        this.#emit('operator', this.#at + operator.length);
        return;
      }
    }
    this.#emit('punctuation', this.#at + (this.#source.codePointAt(this.#at)! > 0xffff ? 2 : 1));
  }
}
