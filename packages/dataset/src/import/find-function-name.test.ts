import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findFunctionName } from './find-function-name.js';

describe('findFunctionName', () => {
  it.each([
    ['static int __init foo(void)\n{ return bar(1); }', 'foo'],
    ['snd_open(struct file *file, int level)\n{', 'snd_open'],
    ['void A::B::f(int x) { }', 'A::B::f'],
    ['A::~A() { }', 'A::~A'],
    ['bool A::operator==(const A &other) { }', 'A::operator=='],
    ['__attribute__((noinline)) static void f(int a) { }', 'f'],
    ['BGD_DECLARE(void) gdImage(gdImagePtr im, FILE *out)\n{', 'gdImage'],
    ['PHP_FUNCTION(str_pad)\n{ }', 'PHP_FUNCTION'],
    ['/* f(x) */ int g(void) { }', 'g'],
    ['int old_style(a, b)\nint a; char *b;\n{', 'old_style'],
  ])('reads %s', (text, name) => {
    expect(findFunctionName(text)).toBe(name);
  });

  it.each(['', 'int x;', '#define F(x) x', '{ f(); }', '((('])('finds none in %j', (text) => {
    expect(findFunctionName(text)).toBeNull();
  });

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('(', ')', 'f', ' ', ':', '~', '{', 'A', '__attribute__', '=', 'operator'),
        }),
        (text) => {
          const name = findFunctionName(text);
          expect(name === null || name.length > 0).toBe(true);
        },
      ),
    );
  });
});
