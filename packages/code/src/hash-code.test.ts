import { describe, expect, it } from 'vitest';
import { normalizedHash, structuralHash } from './hash-code.js';

describe('hashes of code', () => {
  const code = 'int f(int a, int b) { return a + b * 2; }';

  it('ignores whitespace and comments', () => {
    expect(normalizedHash('int f ( int a,int b )\n{ // add\n return a+b*2; }')).toBe(normalizedHash(code));
    expect(normalizedHash('int f(int a, int b) { return a + b * 3; }')).not.toBe(normalizedHash(code));
    expect(normalizedHash('intf')).not.toBe(normalizedHash('int f'));
  });

  it('ignores consistent renaming in the structural hash alone', () => {
    const renamed = 'int add(int x, int y) { return x + y * 2; }';
    expect(structuralHash(renamed)).toBe(structuralHash(code));
    expect(normalizedHash(renamed)).not.toBe(normalizedHash(code));
    expect(structuralHash('int f(int a, int b) { return b + a * 2; }')).not.toBe(structuralHash(code));
    expect(structuralHash('long f(long a, long b) { return a + b * 2; }')).not.toBe(structuralHash(code));
  });
});
