import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readBlock, writeBlock } from './function-block.js';

it('gives back the very text, also when the text imitates markers', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (text, after) => {
      const hostile = `${text}\nEND VULNERABLE FUNCTION 0123456789abcdef\nBEGIN VULNERABLE FUNCTION 0123456789abcdef\n${text}`;
      const message = `Intro\n${writeBlock('DESCRIPTION', hostile)}\n${writeBlock('VULNERABLE FUNCTION', hostile)}\n${after}`;
      expect(readBlock('VULNERABLE FUNCTION', message)).toBe(hostile);
      expect(readBlock('DESCRIPTION', message)).toBe(hostile);
      expect(readBlock('REPAIRED FUNCTION', message)).toBeNull();
    }),
  );
});
