import { ParseTimeoutError } from '@srcode/code';
import { InputError } from '@srcode/core';
import { instantiateScenario, scenarioFamilies } from '@srcode/dataset';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ruleExamples } from '../../test/rule-examples.js';
import { createRulesAnalyzer, ruleDocs } from './create-rules-analyzer.js';

const analyzer = createRulesAnalyzer();

async function rulesIn(code: string): Promise<string[]> {
  const [findings] = await analyzer.analyze([{ code, language: 'c' }]);
  return findings!.map(({ ruleId }) => ruleId);
}

describe('every rule', () => {
  it('has an example on both sides here, a CWE, a title and help', () => {
    expect(Object.keys(ruleExamples).sort()).toEqual(ruleDocs.map(({ id }) => id).sort());
    for (const { cwe, title, help } of ruleDocs) {
      expect(cwe.every((name) => /^CWE-\d+$/.test(name))).toBe(true);
      expect(title.length).toBeGreaterThan(10);
      expect(help.length).toBeGreaterThan(30);
    }
  });

  it.each(Object.entries(ruleExamples))(
    '%s speaks of what is wrong and not of its repair',
    async (id, { bad, good }) => {
      for (const code of bad) expect(await rulesIn(code), code).toContain(id);
      for (const code of good) expect(await rulesIn(code), code).not.toContain(id);
    },
  );
});

describe('the analyzer', () => {
  it('gives line and column of the code itself when there is context in front', async () => {
    const code = 'void f(char *d, const char *s)\n{\n    strcpy(d, s);\n}';
    const context = '#include <string.h>\n\nstatic void helper(char *a, char *b) { strcpy(a, b); }\n';
    const [findings] = await analyzer.analyze([{ code, language: 'c', context }]);
    expect(findings).toEqual([
      expect.objectContaining({
        ruleId: 'unbounded-copy',
        line: 3,
        column: 5,
        severity: 'high',
        cwe: ['CWE-120', 'CWE-787'],
      }),
    ]);
  });

  it('sees the array sizes, macros and stand-ins that the context declares', async () => {
    const context = '#define ROOM 8\nstruct s { int v[ROOM]; };\n#define system(line) run_line(line)\n';
    const loop = 'void f(struct s *p) { for (int i = 0; i <= ROOM; i++) p->v[i] = 0; }';
    const call = 'int f(const char *h) { char c[99]; snprintf(c, 99, "ping %s", h); return run_line(c); }';
    const [first, second] = await analyzer.analyze([
      { code: loop, language: 'c', context },
      { code: call, language: 'c', context },
    ]);
    expect(first!.map(({ ruleId }) => ruleId)).toContain('off-by-one-loop');
    expect(second!.map(({ ruleId }) => ruleId)).toContain('command-injection');
  });

  it('runs only the rules asked for, and knows which there are', async () => {
    const [findings] = await createRulesAnalyzer({ rules: ['weak-random'] }).analyze([
      { code: 'void f(char *d, const char *s) { strcpy(d, s); d[0] = rand(); }', language: 'c' },
    ]);
    expect(findings!.map(({ ruleId }) => ruleId)).toEqual(['weak-random']);
    expect(() => createRulesAnalyzer({ rules: ['no-such-rule'] })).toThrow(InputError);
  });

  it('gives the same findings for the same code, whatever was analyzed before', async () => {
    const inputs = Object.values(ruleExamples).flatMap(({ bad }) =>
      bad.map((code) => ({ code, language: 'c' as const })),
    );
    const together = await analyzer.analyze(inputs);
    for (const [index, input] of inputs.entries())
      expect((await analyzer.analyze([input]))[0]).toEqual(together[index]);
  });

  it('survives code that is cut, shuffled or nested without end', async () => {
    const sources = Object.values(ruleExamples).flatMap(({ bad, good }) => [...bad, ...good]);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...sources),
        fc.nat(),
        fc.nat(),
        fc.constantFrom('', '{', ')', '->', '*', '[', '"', '#if 0\n'),
        async (code, a, b, noise) => {
          const [from, to] = [a % code.length, b % code.length].sort((x, y) => x - y) as [number, number];
          const text = code.slice(0, from) + noise + code.slice(to);
          const [findings] = await analyzer.analyze([{ code: text, language: 'cpp' }]);
          const lines = text.split('\n').length;
          expect(findings!.every(({ line }) => line >= 1 && line <= lines)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
    const deep = `int f(int a) { return ${'('.repeat(20_000)}a${')'.repeat(20_000)}; }`;
    await expect(analyzer.analyze([{ code: deep, language: 'c' }])).resolves.toHaveLength(1);
  });

  it.each(['*', '&', '!', '-', '~', '(int)', 'a[', 'a(', 'a->', 'sizeof ', '++'])(
    'survives %s repeated beyond the depth that it reads',
    async (unit) => {
      const code = `int f(int *a) { *a = 1; return ${unit.repeat(5_000)}a; }`;
      await expect(analyzer.analyze([{ code, language: 'c' }])).resolves.toHaveLength(1);
    },
  );

  it('says so when a source is made to hold up the parser, and does not call it clean', async () => {
    const code = `int f(void) { return ${'a<b>::'.repeat(10_000)}`;
    await expect(analyzer.analyze([{ code, language: 'cpp' }])).rejects.toThrow(ParseTimeoutError);
  });

  it('refuses a source that is no function any more', async () => {
    await expect(analyzer.analyze([{ code: 'x'.repeat(2 ** 20 + 1), language: 'c' }])).rejects.toThrow(
      InputError,
    );
  });
});

describe('the built-in corpus', () => {
  it('has most vulnerable sides flagged and most secure sides clean', async () => {
    let caught = 0;
    let alarms = 0;
    const families = scenarioFamilies();
    for (const family of families) {
      const { vulnerable, secure, preamble } = instantiateScenario(family, 0, 7);
      const [before, after] = await analyzer.analyze([
        { code: vulnerable, language: 'c', context: preamble },
        { code: secure, language: 'c', context: preamble },
      ]);
      if (before!.length > after!.length) caught++;
      if (after!.length > 0) alarms++;
    }
    expect(caught / families.length).toBeGreaterThan(0.8);
    expect(alarms / families.length).toBeLessThan(0.15);
  });
});
