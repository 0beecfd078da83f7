import { describe, expect, it } from 'vitest';
import { createInstanceReward, createLineReward, createTokenReward } from './create-rewards.js';
import { explainRewards } from './explain-rewards.js';
import { matchRollout } from './match-rollout.js';
import { createLexicalCompletion, examplePairs } from './testing/index.js';
import type { RewardPair } from './types.js';

const { insertion, replacement } = examplePairs;
const options = { brokenSyntaxMass: 0.5 };
const blamed = (pair: RewardPair, text: string): string[] => {
  const { syntaxBreak, tokens } = matchRollout(pair, text, options);
  return (syntaxBreak?.evidence ?? []).map((index) => tokens[index]!.text);
};
/** The fix spliced onto the rest of another statement. */
const spliced = insertion.secure.replace('index >= count) return -1;', 'index >= count)) return -1;');

describe('brokenSyntaxMass', () => {
  it('gives an answer that parses the same rewards as without it', () => {
    for (const pair of Object.values(examplePairs))
      for (const side of ['secure', 'vulnerable'] as const) {
        const completion = createLexicalCompletion(pair[side]);
        expect(createTokenReward(options).score(pair, completion)).toEqual(
          createTokenReward().score(pair, completion),
        );
      }
  });

  it('takes back the reward of a fix that does not parse, and penalises where it breaks', () => {
    const completion = createLexicalCompletion(spliced);
    expect(createTokenReward().score(insertion, completion).total).toBeGreaterThan(0.5);
    const { values, total, spans } = createTokenReward(options).score(insertion, completion);
    expect(total).toBeCloseTo(-0.5, 9);
    expect(spans).toEqual([
      expect.objectContaining({ hunk: -1, side: 'vulnerable', reason: 'the syntax breaks here' }),
    ]);
    const at = spans[0]!.start;
    expect(spliced.slice(at - 6, at + 1)).toBe('count))');
    expect(values.filter((value) => value !== 0)).toEqual(Float32Array.of(-0.5));
    expect(explainRewards(insertion, spliced, options).hunks[0]!.sentence).toMatch(/does not parse/);
  });

  it('places the same total on lines and on the last token', () => {
    const completion = createLexicalCompletion(spliced);
    const line = createLineReward(options).score(insertion, completion);
    expect(line.total).toBeCloseTo(-0.5, 9);
    const touched = completion.tokenOffsets.filter((_, i) => line.values[i] !== 0);
    expect(touched.map(([start, end]) => spliced.slice(start, end)).join('')).toBe(
      'if(index<0||index>=count))return-1;',
    );
    const instance = createInstanceReward(options).score(insertion, completion);
    expect(instance.values.at(-1)).toBeCloseTo(-0.5, 6);
  });

  it('keeps the penalty of vulnerable code beside that of broken syntax', () => {
    const text = replacement.vulnerable.replace('trace("set");', 'trace("set";');
    const completion = createLexicalCompletion(text);
    const without = createTokenReward().score(replacement, completion).total;
    expect(without).toBeLessThan(-0.9);
    expect(createTokenReward(options).score(replacement, completion).total).toBeCloseTo(without - 0.5, 9);
  });

  it('blames the place, also where something is missing, and within a code block', () => {
    expect(blamed(insertion, spliced)).toEqual([')']);
    expect(blamed(insertion, insertion.secure.replace('value;\n}', 'value\n}'))).toEqual(['}']);
    expect(blamed(insertion, insertion.secure.replace('int value;', 'int value = ;'))).not.toEqual([]);
    expect(blamed(insertion, insertion.secure.slice(0, insertion.secure.lastIndexOf('}')))).toHaveLength(1);
    const answer = `Here it is:\n\n\`\`\`c\n${spliced}\`\`\`\n`;
    const { syntaxBreak, tokens } = matchRollout(insertion, answer, options);
    const token = tokens[syntaxBreak!.evidence[0]!]!;
    expect(answer.slice(token.start - 6, token.end)).toBe('count))');
  });

  it('does not look at syntax where the secure side itself does not parse, or there is nothing to compare', () => {
    const macro = { ...insertion, id: 'macro', secure: `${insertion.secure}\nEND_OF(} )\n` };
    expect(matchRollout(macro, spliced, options).syntaxBreak).toBeNull();
    const same = { ...insertion, id: 'same', vulnerable: insertion.secure };
    expect(matchRollout(same, spliced, options).syntaxBreak).toBeNull();
    expect(matchRollout(insertion, '', options).syntaxBreak).toBeNull();
  });

  it('does not parse what is too long or takes too long', () => {
    for (const unit of ['a<', ';*', 'a<b>::'])
      expect(matchRollout(insertion, unit.repeat(15_000), options).syntaxBreak).toBeNull();
    expect(() => matchRollout(insertion, 'a<'.repeat(9_000), options)).not.toThrow();
  });
});
