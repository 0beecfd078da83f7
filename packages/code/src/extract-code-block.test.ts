import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extractFirstCodeBlock } from './extract-code-block.js';

describe('extractFirstCodeBlock', () => {
  it('takes the first block of C or C++ before blocks of other languages', () => {
    const answer = 'Build:\n```sh\nmake\n```\nCode:\n```C++ title="x"\nint f();\n```\n```c\nint g();\n```';
    expect(extractFirstCodeBlock(answer)).toMatchObject({
      code: 'int f();\n',
      language: 'c++',
      closed: true,
      whole: false,
    });
  });

  it('takes the first block of any kind when none is marked as C', () => {
    expect(extractFirstCodeBlock('a\n```\nx();\n```\nb\n```js\ny\n```')).toMatchObject({
      code: 'x();\n',
      language: '',
    });
  });

  it('takes the whole text without a fence, and runs to the end of an unclosed one', () => {
    expect(extractFirstCodeBlock('int f();')).toMatchObject({ code: 'int f();', whole: true });
    expect(extractFirstCodeBlock('Sure:\n```c\nint f() {')).toMatchObject({
      code: 'int f() {',
      closed: false,
    });
    expect(extractFirstCodeBlock('')).toMatchObject({ code: '', whole: true });
  });

  it('closes with at least as long a fence of the same kind', () => {
    expect(extractFirstCodeBlock('~~~~c\n~~~\n```\nx\n~~~~~\ny')).toMatchObject({ code: '~~~\n```\nx\n' });
    expect(extractFirstCodeBlock('a ```not a fence``` b').whole).toBe(true);
  });

  it('gives a span of the answer, on any text', () => {
    const piece = fc.constantFrom('```', '```c', '~~~', '\n', 'x', ' ', '\r\n', '`', 'int f();');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join('');
        const block = extractFirstCodeBlock(text);
        expect(text.slice(block.start, block.end)).toBe(block.code);
      }),
    );
  });
});
