import { describe, expect, it } from 'vitest';
import { detectLanguage } from './detect-language.js';

describe('detectLanguage', () => {
  it.each([
    ['drivers/net/a.c', 'c'],
    ['src/a.CC', 'cpp'],
    ['src/a.cpp', 'cpp'],
    ['a.hpp', 'cpp'],
    ['a.C', 'cpp'],
  ] as const)('goes by the extension of %s', (file, language) => {
    expect(detectLanguage(file, 'int f(void) { return 0; }')).toBe(language);
    expect(detectLanguage(file, 'int A::f() { return 0; }')).toBe(language);
  });

  it.each([
    'void A::f() { }',
    'int f(const Item &item) { return item.n; }',
    'void f() { auto *p = new Item(); }',
    'void f() { g(static_cast<int>(x)); }',
    'void f() { p = nullptr; }',
    'void f() { try { g(); } catch (...) { } }',
    'std::string f() { return x; }',
    'template <typename T> T f(T x) { return x; }',
  ])('sees C++ in %s', (text) => {
    expect(detectLanguage(null, text)).toBe('cpp');
    expect(detectLanguage('a.h', text)).toBe('cpp');
  });

  it.each([
    'int f(int flags) { return (flags & MASK) && (x & y); }',
    'int new(int delete) { return this; }',
    'int f(void) { puts("std::string"); /* A::b */ return 0; }',
    'void f(struct ns *namespace) { mutex_lock(&namespace->lock); }',
    'static int f(struct sk_buff *skb) { int class; class = skb->class; return a ? b : c; }',
  ])('sees C in %s', (text) => {
    expect(detectLanguage(null, text)).toBe('c');
  });
});
