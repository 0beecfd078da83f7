import { describe, expect, it } from 'vitest';
import { normaliseCwe } from './normalise-cwe.js';

describe('normaliseCwe', () => {
  it.each([
    [['CWE-787'], ['CWE-787']],
    ['CWE-787', ['CWE-787']],
    ['cwe-079, CWE_20', ['CWE-79', 'CWE-20']],
    ["['CWE-125', 'CWE-119']", ['CWE-125', 'CWE-119']],
    ['CWE-416: Use After Free', ['CWE-416']],
    [['NVD-CWE-noinfo'], []],
    [['NVD-CWE-Other', 'CWE-20'], ['CWE-20']],
    ['NVD-CWE-787', []],
    ['787', ['CWE-787']],
    [787, ['CWE-787']],
    [
      [787, '20', null],
      ['CWE-787', 'CWE-20'],
    ],
    [['CWE-20', 'CWE-20'], ['CWE-20']],
    ['', []],
    [[], []],
    [null, []],
    [undefined, []],
    ['CWE-0', []],
    ['CWE-9999999999', []],
  ])('reads %j', (value, expected) => {
    expect(normaliseCwe(value)).toEqual(expected);
  });

  it.each([[{ cwe: 'CWE-1' }], [true], [[['CWE-1']]], [[{}]]])('refuses %j', (value) => {
    expect(normaliseCwe(value)).toBeUndefined();
  });
});
