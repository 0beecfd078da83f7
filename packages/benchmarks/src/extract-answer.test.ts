import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extractAnswer } from './extract-answer.js';

const code = 'int f(void)\n{\n    return 1;\n}\n';

describe('the code of an answer', () => {
  it('is the whole text, the first C fence, or what an unclosed fence holds', () => {
    expect(extractAnswer(code)).toBe(code);
    expect(extractAnswer(`Sure:\n\`\`\`c\n${code}\`\`\`\nThis returns 1.`)).toBe(code);
    expect(extractAnswer(`\`\`\`sh\nmake\n\`\`\`\n\`\`\`cpp\n${code}\`\`\``)).toBe(code);
    expect(extractAnswer(`\`\`\`c\n${code}`)).toBe(code);
  });

  it('has no special tokens of chat templates and no carriage returns', () => {
    expect(extractAnswer(`${code}<|im_end|>`)).toBe(code);
    expect(extractAnswer(code.replaceAll('\n', '\r\n'))).toBe(code);
  });

  it('is found again in its own fence', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z (){};\n]{0,60}$/), (text) => {
        const body = `${text}\n`;
        expect(extractAnswer(`\`\`\`c\n${body}\`\`\``)).toBe(body);
      }),
    );
  });
});
