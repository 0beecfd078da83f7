import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quoteLongIntegers } from './quote-long-integers.js';

describe('quoteLongIntegers', () => {
  it('keeps every digit of a 39-digit hash', () => {
    const text = '{"func_hash": 231061424771488704303028747772737937954, "idx": 12}';
    expect(JSON.parse(quoteLongIntegers(text))).toEqual({
      func_hash: '231061424771488704303028747772737937954',
      idx: 12,
    });
  });

  it.each([
    ['a negative integer', '[-12345678901234567890]', ['-12345678901234567890']],
    ['several in a row', '[1234567890123456,1234567890123456]', ['1234567890123456', '1234567890123456']],
    ['15 digits, which a float holds', '[999999999999999]', [999999999999999]],
    ['a fraction', '[1234567890123456.5]', [1234567890123456.5]],
    ['an exponent', '[1234567890123456e3]', [1234567890123456e3]],
    ['digits within a string', '["x = 12345678901234567890;"]', ['x = 12345678901234567890;']],
    [
      'a string with an escaped quote before the digits',
      '["\\"",12345678901234567890]',
      ['"', '12345678901234567890'],
    ],
    ['a string that ends in a backslash', '["\\\\",12345678901234567890]', ['\\', '12345678901234567890']],
    ['a key of digits', '{"12345678901234567890":1}', { '12345678901234567890': 1 }],
  ])('handles %s', (_, text, value) => {
    expect(JSON.parse(quoteLongIntegers(text))).toEqual(value);
  });

  it('leaves JSON without long integers as it is, whatever its strings hold', () => {
    const strings = fc.string({
      unit: fc.constantFrom('"', '\\', '0123456789012345678', ':', ',', '{', 'é', '\n', '-', 'u'),
    });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(strings, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer())),
        (values) => {
          const text = JSON.stringify(values);
          const parsed = JSON.parse(quoteLongIntegers(text)) as unknown[];
          values.forEach((value, i) => {
            if (typeof value === 'string') expect(parsed[i]).toBe(value);
            else expect(Number(parsed[i])).toBe(JSON.parse(JSON.stringify(value)));
          });
        },
      ),
    );
  });

  it('turns any mixture of long integers and strings into exactly those digits and strings', () => {
    const digits = fc.bigInt({ min: 10n ** 15n, max: 10n ** 45n }).map(String);
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.record({ digits }), fc.record({ text: fc.string() }))), (items) => {
        const text = `[${items.map((item) => ('digits' in item ? item.digits : JSON.stringify(item.text))).join(', ')}]`;
        expect(JSON.parse(quoteLongIntegers(text))).toEqual(
          items.map((item) => ('digits' in item ? item.digits : item.text)),
        );
      }),
    );
  });

  it('never makes JSON out of what is none', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('"', '\\', '9', '[', ']', ',', '-', 'a', '0'), maxLength: 60 }),
        (noise) => {
          const text = `${noise}12345678901234567890`;
          const parses = (candidate: string): boolean => {
            try {
              JSON.parse(candidate);
              return true;
            } catch {
              return false;
            }
          };
          if (!parses(text)) expect(parses(quoteLongIntegers(text))).toBe(false);
        },
      ),
    );
  });

  it('takes a text of many backslashes and quotes', () => {
    const text = JSON.stringify({ func: '\\"'.repeat(200_000), func_hash: 0 }).replace(
      ':0}',
      ':98765432109876543210}',
    );
    expect(JSON.parse(quoteLongIntegers(text))).toMatchObject({ func_hash: '98765432109876543210' });
  });
});
