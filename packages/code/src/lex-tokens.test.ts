import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SourceTooLargeError } from './errors.js';
import { lexTokens } from './lex-tokens.js';

const texts = (source: string): string[] => lexTokens(source).map((token) => token.text);
const kinds = (source: string): string[] => lexTokens(source).map((token) => token.kind);

/** Code-like text with everything that confuses scanners. */
const fragment = fc.constantFrom(
  ...[
    'int',
    'x',
    ' ',
    '\n',
    '\t',
    '"',
    "'",
    '\\',
    '/*',
    '*/',
    '//',
    '#',
    '#include',
    '<a.h>',
    '#if 1',
    '#define X(a) a',
  ],
  ...[
    'R"(',
    ')"',
    'L"w"',
    "u8'c'",
    '0x1f',
    '1.5e-3f',
    "1'000",
    '.5',
    '->*',
    '<=>',
    '<<=',
    '...',
    '::',
    '{',
    '}',
    ';',
  ],
  ...[
    'ß',
    '日本',
    '😀',
    '\u00a0',
    '\ud800',
    '\u0000',
    '\r\n',
    '\\\n',
    '$v',
    '@',
    '`',
    '##',
    '?',
    '%d',
    'don',
    '-',
  ],
);
const codeLike = fc.oneof(
  fc.array(fragment, { maxLength: 60 }).map((parts) => parts.join('')),
  fc.string(),
);

/** The text with the comments blanked out, by an independent and slower route. */
function uncovered(source: string): string {
  let rest = '';
  let at = 0;
  for (const token of lexTokens(source)) {
    rest += `${source.slice(at, token.start)}\u0001`;
    at = token.end;
  }
  return rest + source.slice(at);
}

describe('lexTokens', () => {
  it('covers every character outside whitespace and comments exactly once, on any text', () => {
    fc.assert(
      fc.property(codeLike, (source) => {
        let at = 0;
        for (const token of lexTokens(source)) {
          expect(token.start).toBeGreaterThanOrEqual(at);
          expect(token.end).toBeGreaterThan(token.start);
          if (token.kind !== 'preprocessor') expect(token.text).toBe(source.slice(token.start, token.end));
          expect(token.line).toBe(source.slice(0, token.start).split('\n').length);
          at = token.end;
        }
        expect(at).toBeLessThanOrEqual(source.length);
        // What lies between tokens is whitespace, line continuations and comments, each comment within one gap.
        for (const gap of uncovered(source).split('\u0001')) {
          const left = gap
            .replace(/\/\*[\s\S]*?(?:\*\/|$)|\/\/(?:\\\r?\n|[^\n])*/g, '')
            .replace(/\\\r?\n/g, '')
            .replace(/\s/g, '');
          expect(left).toBe('');
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('does not see whitespace and comments', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('int', 'x', '(', ')', '=', '1', ';', '"s t"', "'c'", '+', 'return'), {
          maxLength: 40,
        }),
        fc.array(fc.constantFrom(' ', '\n', '\t', ' /* c */ ', ' // l\n'), { minLength: 41, maxLength: 41 }),
        (tokens, blanks) => {
          const spaced = tokens.map((token, i) => token + blanks[i]).join('');
          expect(texts(spaced)).toEqual(texts(tokens.join(' ')));
        },
      ),
    );
  });

  it('counts in UTF-16 code units after non-ASCII text', () => {
    const source = 'char *ß = "日本😀"; /* é */ int z;';
    const tokens = lexTokens(source);
    expect(tokens.map((token) => token.text)).toEqual([
      'char',
      '*',
      'ß',
      '=',
      '"日本😀"',
      ';',
      'int',
      'z',
      ';',
    ]);
    expect(source.slice(tokens[6]!.start, tokens[6]!.end)).toBe('int');
  });

  it('keeps literals whole, with prefixes, escapes and continued lines', () => {
    expect(texts('s = L"a\\"b" u8"x" R"d(a")d" \'\\\'\' L\'x\';')).toEqual([
      ...['s', '=', 'L"a\\"b"', 'u8"x"', 'R"d(a")d"', "'\\''", "L'x'", ';'],
    ]);
    expect(texts('"a\\\nb" c')).toEqual(['"a\\\nb"', 'c']);
    expect(kinds('"s" \'c\' 1 x int if + ;')).toEqual([
      ...['string', 'char', 'number', 'identifier', 'type', 'keyword', 'operator', 'punctuation'],
    ]);
  });

  it('lets a quote without partner stand alone and reads on', () => {
    expect(texts('don\'t do\nint x; "open\nint y;')).toEqual([
      ...['don', "'", 't', 'do', 'int', 'x', ';', '"', 'open', 'int', 'y', ';'],
    ]);
    expect(texts('R"(never closed')).toEqual(['R', '"', '(', 'never', 'closed']);
  });

  it('cuts directives into tokens and header names into one', () => {
    const tokens = lexTokens(
      '#  include <sys/types.h>\n#define MAX(a,b) ((a)>(b)?(a):(b))\n# not one\nx # y',
    );
    expect(tokens.slice(0, 3).map((token) => token.text)).toEqual(['#include', '<sys/types.h>', '#define']);
    expect(tokens.slice(0, 3).map((token) => token.kind)).toEqual(['preprocessor', 'string', 'preprocessor']);
    expect(tokens.at(-2)!.kind).toBe('operator');
  });

  it('marks what belongs to a directive, over continued lines and comments', () => {
    const marked = lexTokens(
      '#define F(a) \\\n  do { a; } /* x\n */ \\\r\n  while (0) // y\nint z; #\n#endif',
    )
      .filter((token) => token.inDirective)
      .map((token) => token.text)
      .join('');
    expect(marked).toBe('F(a)do{a;}while(0)');
  });

  it('takes the longest number and operator, and keeps hexadecimal apart from exponents', () => {
    expect(texts("0xe+1 1e+1 1'000u a<<=b->*c ... x<=>y .5f")).toEqual([
      ...['0xe', '+', '1', '1e+1', "1'000u", 'a', '<<=', 'b', '->*', 'c', '...', 'x', '<=>', 'y', '.5f'],
    ]);
  });

  it('stays linear on texts made to be slow', () => {
    for (const unit of ['"', "'\\'", 'R"(', '/*', '\\', '#', '((((', '<', '1'])
      expect(lexTokens(unit.repeat(100_000)).length).toBeGreaterThanOrEqual(0);
  });

  it('refuses a text over the cap with a typed error', () => {
    expect(() => lexTokens('x'.repeat(11), { maxSourceLength: 10 })).toThrow(SourceTooLargeError);
  });
});
