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

  it.each([
    // Constructors: what initialises members is neither return type nor body.
    ['F::F(int a) : x(a->b), y{a} {}', 'F::F(int)'],
    ['explicit F(int v) noexcept : x{v} {}', 'F(int)'],
    ['explicit(true) F(int v) : Base<int, 3>{v}, y(1) {}', 'F(int)'],
    ['template <class T> F<T>::F(T a) : x(a), y{a} {}', 'F<T>::F(T)'],
    ['F::F(Args... args) : Bases(args)... {}', 'F::F(Args...)'],
    ['F<Pair<T>>::~F() noexcept {}', 'F<Pair<T>>::~F()'],
    // Operators.
    ['A::operator std::vector<int>() const {}', 'A::operator std::vector<int>()'],
    ['int A::operator()(int x) const {}', 'int A::operator()(int)'],
    ['auto operator<=>(const A &o) const {}', 'auto operator<=>(const A &)'],
    ['A *A::operator->() {}', 'A * A::operator->()'],
    // Templates and deduced types.
    ['template <typename T, int N = 3> std::array<T, N> f(T (&a)[N]) {}', 'std::array<T, N> f(T(&)[N])'],
    ['template <> int f<int>(int a) {}', 'int f<int>(int)'],
    ['template <class T> requires std::integral<T> && (N > 1) T f(T a) {}', 'T f(T)'],
    ['template <class T> T f(T a) requires Small<T> {}', 'T f(T)'],
    ['const auto &f() {}', 'const auto & f()'],
    ['decltype(auto) f(int x) {}', 'decltype(auto) f(int)'],
    [
      'void f(std::function<void(int, int)> cb, std::string) {}',
      'void f(std::function<void(int, int)>, std::string)',
    ],
    // Old-style definitions.
    ['int f(a, cb) int a; int (*cb)(); {}', 'int f(int, int(*)())'],
    ['int f(a, b) char a[4], *b; {}', 'int f(char[4], char *)'],
    ['char *f(new, n) register char *new; unsigned n; {}', 'char * f(char *, unsigned)'],
    // Macros before, in and after the header.
    ['EXPORT_SYMBOL(foo)\nstatic int f(int a) {}', 'int f(int)'],
    ['MODULE_LICENSE("GPL") struct s *f(void) {}', 'struct s * f()'],
    ['extern "C" JNIEXPORT int JNICALL f(int a) {}', 'JNIEXPORT int JNICALL f(int)'],
    ['void F77_NAME(foo)(int *a) {}', 'void F77_NAME(foo)(int *)'],
    ['static int f(const char *s TSRMLS_DC) {}', 'int f(const char *TSRMLS_DC)'],
    ['int f(STACK_OF(X509) *sk, int a UNUSED) {}', 'int f(STACK_OF(X509)*, int UNUSED)'],
    ['void f(const char *m, ...) printf_like(1, 2) {}', 'void f(const char *, ...)'],
    ['#define X(a) \\\n do { a } \\\n while (0)\nint f(int a) {}', 'int f(int)'],
    // Declarators in brackets.
    ['int (*f(int a))(char c) {}', 'int(*)(char) f(int)'],
    ['void (*signal(int n, void (*h)(int)))(int) {}', 'void(*)(int) signal(int, void(*)(int))'],
    ['char (*f(void))[10] {}', 'char(*)[10] f()'],
    ['int (f)(int a) {}', 'int f(int)'],
    ['int f(int (*cb)(int a, void (*g)(int b))) {}', 'int f(int(*)(int, void(*)(int)))'],
    ['int f(struct s { int a; } x) {}', 'int f(struct s{int a;})'],
  ])('reads the harder header of %s', (source, expected) => {
    expect(findFunctions(source).map((found) => found.signature)).toEqual([expected]);
  });

  it('takes the braces after the member initialisers for the body, and the handlers of a try block with it', () => {
    const bodies = (source: string) => findFunctions(source).map((f) => source.slice(f.bodyStart, f.bodyEnd));
    expect(
      bodies('F::F() : a{1}, b([] { return 1; }), c{{2}, {}} { body(); } int g() { return 2; }'),
    ).toEqual(['{ body(); }', '{ return 2; }']);
    expect(bodies('class A { A() : x{1}, y(2) { z(); } ~A() {} int x{3}; };')).toEqual(['{ z(); }', '{}']);
    expect(bodies('F::F() try : a{1} { b(); } catch (...) { c(); } int g() {}')).toEqual([
      '{ b(); } catch (...) { c(); }',
      '{}',
    ]);
    expect(bodies('F::F() : a{1}')).toEqual([]);
  });

  it('tells classes behind macros, labels and fields from functions', () => {
    const names = (source: string) => findFunctions(source).map(({ name }) => name);
    expect(names('class EXPORT(x) A : public B<int> { void m() {} };')).toEqual(['m']);
    expect(names('class A { private slots: void f() {} signals: void g(); };')).toEqual(['f']);
    expect(names('struct s { DECLARE(x) int a; struct { int b; } c; }; int f() {}')).toEqual(['f']);
    expect(signature('class A { private slots: void f() {} };')).toBe('void f()');
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

  it.each([
    // The first ended the process out of memory, the second ran for over a minute.
    ['template<> ', 'int f(int a) {}'],
    ['A(x) int ', 'f(int a) {}'],
    ['#if 1\nx\n', 'int f(int a) {}'],
    ['f():a{},', '{}'],
    ['(*f(int))(x)', '{}'],
    ['int f(int (*a)(', '{}'],
    ['a<(', '{}'],
    ['a>()', '{}'],
    ['f(a) int a;', '{}'],
    ['f() try {', ''],
  ])('stays linear on %s repeated', (unit, end) => {
    const started = process.hrtime.bigint();
    findFunctions(unit.repeat(100_000) + end);
    expect(Number(process.hrtime.bigint() - started) / 1e9).toBeLessThan(20);
  });
});
