import { describe, expect, it } from 'vitest';
import { familiesB } from '../src/corpus/families-b/index.js';
import { countInstances, drawSlotValues, instantiateScenario } from '../src/corpus/instantiate-scenario.js';
import { checkInstance, findCompiler, mapParallel } from './corpus-runner.js';

const compiler = await findCompiler();
const seed = 20260223;

/** C tokens as far as these texts need them: words, numbers, literals, operators. */
function cutTokens(code: string): string[] {
  return (
    code.match(/\w+|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|->|\+\+|--|<<|>>|[<>=!+\-*/|&]=|&&|\|\||[^\s\w]/g) ??
    []
  );
}

const cutWords = (code: string) => code.trim().split(/\s+/);

/** True when `part` is left after deleting tokens from `whole`. */
function isSubsequence(part: readonly string[], whole: readonly string[]): boolean {
  let matched = 0;
  for (const token of whole) if (token === part[matched]) matched++;
  return matched === part.length;
}

const forbidden =
  /secur|safe|bound|valid|check|overflow|overrun|attack|hostile|malicious|sanit|verif|exploit|vulnerab|harden|protect|untrusted|leak|CWE/i;

describe('families B', () => {
  it('are 24 families of at least 300 instances with unique ids, at least half of them insertions', () => {
    const ids = familiesB.map((family) => family.id);
    expect(ids).toHaveLength(24);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/);
    for (const family of familiesB) {
      expect(countInstances(family), family.id).toBeGreaterThanOrEqual(300);
      for (const choices of Object.values(family.slots)) {
        expect(choices.length, family.id).toBeGreaterThanOrEqual(4);
        expect(new Set(choices).size, family.id).toBe(choices.length);
      }
    }
    const insertions = familiesB.filter((family) => family.editShape === 'insertion');
    expect(insertions.length * 2).toBeGreaterThanOrEqual(familiesB.length);
    expect(new Set(familiesB.map((family) => family.cwe)).size).toBeGreaterThanOrEqual(15);
  });

  describe.each(familiesB.map((family) => [family.id, family] as const))('%s', (_, family) => {
    const instances = drawSlotValues(family, 40, seed).map((values) => family.instantiate(values));

    it('has short prompts of different styles with the signature, silent about weaknesses and the body', () => {
      for (const instance of instances) {
        expect(instance.prompts.length).toBeGreaterThanOrEqual(4);
        expect(new Set(instance.prompts.map((prompt) => prompt.style)).size).toBe(instance.prompts.length);
        expect(new Set(instance.prompts.map((prompt) => prompt.text)).size).toBe(instance.prompts.length);
        for (const { text } of instance.prompts) {
          expect(text).toContain(instance.signature);
          expect(text.length).toBeLessThanOrEqual(235);
          expect(text).not.toMatch(forbidden);
          expect(text).not.toMatch(/[{};]\s*$|\breturn \w+;|==|!=|->/);
        }
      }
    });

    it('has short functions whose difference has the stated shape', () => {
      for (const instance of instances) {
        for (const side of [instance.vulnerable, instance.secure]) {
          expect(side.startsWith(`${instance.signature}\n{\n`)).toBe(true);
          expect(instance.signature).toContain(`${instance.functionName}(`);
          expect(side.length).toBeLessThanOrEqual(330);
          expect(side.trim().split('\n').length).toBeLessThanOrEqual(12);
        }
        const inserted = family.editShape === 'insertion';
        const [vulnerable, secure] = [instance.vulnerable, instance.secure];
        expect(isSubsequence(cutTokens(vulnerable), cutTokens(secure))).toBe(inserted);
        expect(isSubsequence(cutWords(vulnerable), cutWords(secure))).toBe(inserted);
      }
    });
  });

  it.runIf(compiler !== null)(
    'behave: the secure side passes both tests, the vulnerable side the function test alone',
    { timeout: 240_000 },
    async () => {
      const instances = familiesB.map((family) => instantiateScenario(family, 0, seed));
      const problems = await mapParallel(instances, 2, (instance) =>
        checkInstance(instance, { compiler: compiler! }),
      );
      expect(problems.filter((problem) => problem !== null)).toEqual([]);
    },
  );
});
