import { describe, expect, it } from 'vitest';
import { extractSignature, findFunctions } from './find-functions.js';

const signature = (source: string): string | undefined => extractSignature(source)?.signature;

describe('findFunctions', () => {
  it.each([
    ['int f(void) { return 1; }', 'int f()'],
    ['static inline unsigned int f(const char *s, size_t n) {}', 'unsigned int f(const char *, size_t)'],
    ['ssl3_get_record(SSL *s)\n{\n return 0; }', 'ssl3_get_record(SSL *)'],
    [
      'struct foo *make_foo(struct bar b[4], int (*cb)(void *, int)) {}',
      'struct foo * make_foo(struct bar[4], int(*)(void *, int))',
    ],
    [
      'void A::B::set(std::map<int, std::string> m, int x = f(1, 2)) const {}',
      'void A::B::set(std::map<int, std::string>, int)',
    ],
    ['A::A(int x) : a(x), b{2} { }', 'A::A(int)'],
    ['A::~A() { }', 'A::~A()'],
    ['bool operator==(const T &a, const T &b) { return true; }', 'bool operator==(const T &, const T &)'],
    ['auto f(int x) -> long { return x; }', 'long f(int)'],
    ['template <typename T> T max(T a, T b) { return a; }', 'T max(T, T)'],
    ['static int __init foo(void) __releases(lock) { }', 'int __init foo()'],
    ['BGD_DECLARE(void) gdImage(gdImagePtr im, int q) { }', 'BGD_DECLARE(void) gdImage(gdImagePtr, int)'],
    ['__attribute__((noreturn)) void die(const char *m, ...) { }', 'void die(const char *, ...)'],
    ['int old(a, b) int a; char *b; { return a; }', 'int old(int, char *)'],
    ['open_log(const char *prog, const char *namespace) { }', 'open_log(const char *, const char *)'],
    ['int f(unsigned, FILE *, int x[]) { }', 'int f(unsigned, FILE *, int[])'],
    ['PHP_FUNCTION(mb_split)\n{ }', 'PHP_FUNCTION(mb_split)'],
  ])('reads the header of %s', (source, expected) => {
    expect(signature(source)).toBe(expected);
  });

  it('gives spans that cut the function and its body out', () => {
    const source = '/* c */\nint a;\nint f(int x)\n{ if (x) { return 1; } return 2; }\nint g() {}\n';
    const [f, g] = findFunctions(source);
    expect(source.slice(f!.start, f!.end)).toBe('int f(int x)\n{ if (x) { return 1; } return 2; }');
    expect(source.slice(f!.bodyStart, f!.bodyEnd)).toBe('{ if (x) { return 1; } return 2; }');
    expect(f!.parameters).toEqual([{ type: 'int', name: 'x' }]);
    expect(g!.name).toBe('g');
  });

  it('finds methods inside classes, namespaces and extern "C"', () => {
    const source =
      'namespace n { class A : public B<int> { public: int m() const { return 1; } int d; }; } extern "C" { void e(int a) {} }';
    expect(findFunctions(source).map(({ name }) => name)).toEqual(['m', 'e']);
  });

  it('counts one branch of a conditional that opens the same brace twice', () => {
    const source =
      'int f(int a)\n{\n#ifdef X\n if (a) {\n#else\n if (!a) {\n#endif\n a++;\n }\n return a;\n}\nint g() { return 0; }';
    expect(findFunctions(source).map(({ name }) => name)).toEqual(['f', 'g']);
  });

  it('ends a cut function at the end of the text and finds none in prose', () => {
    const source = 'int f(int a) { if (a) { return';
    expect(findFunctions(source)[0]!.end).toBe(source.length);
    expect(findFunctions('I cannot help with that (sorry).')).toEqual([]);
    expect(findFunctions('')).toEqual([]);
    expect(findFunctions('int t[] = { 1, 2 }; enum E { A, B }; struct S { int x; };')).toEqual([]);
  });

  it('does not change with parameter names and layout', () => {
    expect(signature('int f( char*p ,int n ){}')).toBe(
      signature('int f(char *buffer, /* size */ int size)\n{}'),
    );
    expect(signature('int f(char *p, long n) {}')).not.toBe(signature('int f(char *p, int n) {}'));
  });

  it('stays linear on unclosed brackets', () => {
    expect(findFunctions('('.repeat(100_000))).toEqual([]);
    expect(findFunctions('f(){'.repeat(20_000)).length).toBeGreaterThan(0);
  });
});
