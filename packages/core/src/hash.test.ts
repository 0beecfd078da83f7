import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, hashFile, sha256Hex } from './hash.js';
import { withTemporaryFolder } from './testing/index.js';

describe('sha256Hex and hashFile', () => {
  it('agree with the published value for "abc", text and bytes alike', async () => {
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(sha256Hex('abc')).toBe(abc);
    expect(sha256Hex(new TextEncoder().encode('abc'))).toBe(abc);
    await withTemporaryFolder(async (dir) => {
      const path = join(dir, 'x');
      await writeFile(path, 'abc');
      expect(await hashFile(path)).toBe(abc);
      const large = 'é'.repeat(200_000);
      await writeFile(path, large);
      expect(await hashFile(path)).toBe(sha256Hex(large));
      await expect(hashFile(join(dir, 'none'))).rejects.toMatchObject({
        code: 'FILE_NOT_FOUND',
        exitCode: 2,
      });
      await expect(hashFile(dir)).rejects.toMatchObject({ code: 'FILE_IS_FOLDER' });
    });
  });
});

describe('canonicalJson', () => {
  it('is the same for equal values, whatever the order of their keys', () => {
    expect(canonicalJson({ b: [{ y: 1, x: 2 }], a: null })).toBe('{"a":null,"b":[{"x":2,"y":1}]}');
    const reversed = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(reversed)
        : value !== null && typeof value === 'object'
          ? Object.fromEntries(
              Object.entries(value)
                .reverse()
                .map(([key, inner]) => [key, reversed(inner)]),
            )
          : value;
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(reversed(value))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('keeps the order of lists and leaves undefined out', () => {
    expect(canonicalJson([2, 1])).toBe('[2,1]');
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
  });
});
