import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  benchTaskSchema,
  buildCorpus,
  countInstances,
  defaultHeldOutFamilies,
  drawSlotValues,
  findScenarioFamily,
  instantiateScenario,
  primeVulPlusRecordSchema,
  type ScenarioFamily,
  type ScenarioInstance,
  scenarioFamilies,
  toBenchTask,
  toPrimeVulPlusRecord,
  toVulnerableFunction,
  vulnerableFunctionSchema,
} from '../src/index.js';
import { checkInstance, findCompiler, mapParallel } from './corpus-runner.js';

const families = scenarioFamilies();
const compiler = await findCompiler();

/** Words that would tell the model what to look out for; prompts must only say what the code does. */
const tellingWords =
  /\b(secur\w*|unsecur\w*|insecur\w*|safe\w*|unsafe\w*|bound(s|ed|ary|aries)?|bounds-?check\w*|valid\w*|invalid\w*|check\w*|overflow\w*|underflow\w*|overrun\w*|vulnerab\w*|attack\w*|exploit\w*|malicious|hostile|untrusted|saniti[sz]\w*|crash\w*|corrupt\w*|dangling|double free|use[- ]after[- ]free|injection|traversal|guard\w*|harden\w*|cwe\w*)\b/i;

const lexicalToken =
  /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[A-Za-z_]\w*|\d\w*|->|\+\+|--|<<=?|>>=?|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|\S/g;
const lex = (code: string): string[] => code.match(lexicalToken) ?? [];

/** Whether `part` is what remains of `whole` after leaving tokens out. */
function isSubsequence(part: readonly string[], whole: readonly string[]): boolean {
  let at = 0;
  for (const token of whole) if (token === part[at]) at++;
  return at === part.length;
}

/** A few instances of a family, the same in every run. */
const samplesOf = (family: ScenarioFamily, count = 12): ScenarioInstance[] =>
  drawSlotValues(family, count, 5).map((_values, index) => instantiateScenario(family, index, 5));

/** Lines of a function without leading or trailing blank ones. */
const linesOf = (code: string) => code.trim().split('\n');

describe('the set of families', () => {
  it('has at least 40 families over at least 15 weaknesses, ids unique', () => {
    expect(families.length).toBeGreaterThanOrEqual(40);
    expect(new Set(families.map((family) => family.cwe)).size).toBeGreaterThanOrEqual(15);
    expect(new Set(families.map((family) => family.id)).size).toBe(families.length);
    for (const family of families) {
      expect(family.id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(family.cwe).toMatch(/^CWE-\d+$/);
    }
  });

  it('covers both edit shapes, at least 40 % of them insertions', () => {
    const insertions = families.filter((family) => family.editShape === 'insertion').length;
    expect(insertions / families.length).toBeGreaterThanOrEqual(0.4);
    expect(families.length - insertions).toBeGreaterThanOrEqual(10);
  });

  it('has 40 % insertions even when code is split at blanks only', () => {
    const split = (code: string) => code.split(/\s+/);
    const inserting = families.filter((family) =>
      samplesOf(family).every(({ vulnerable, secure }) => isSubsequence(split(vulnerable), split(secure))),
    );
    expect(inserting.length / families.length).toBeGreaterThanOrEqual(0.4);
  });
});

describe.each(families.map((family) => [family.id, family] as const))('family %s', (_id, family) => {
  it('has distinct choices in every slot and at least 300 instances', () => {
    for (const choices of Object.values(family.slots)) {
      expect(new Set(choices).size).toBe(choices.length);
      expect(choices.length).toBeGreaterThanOrEqual(3);
    }
    expect(countInstances(family)).toBeGreaterThanOrEqual(300);
  });

  it('keeps functions and prompts short, with the signature in both', () => {
    for (const instance of samplesOf(family)) {
      expect(instance.signature).not.toMatch(/[\n;{]/);
      expect(instance.signature).toContain(`${instance.functionName}(`);
      for (const code of [instance.vulnerable, instance.secure]) {
        expect(linesOf(code)[0]).toBe(instance.signature);
        expect(code.trim().length, code).toBeLessThanOrEqual(340);
        expect(linesOf(code).length, code).toBeLessThanOrEqual(13);
      }
      for (const { text } of instance.prompts) {
        expect(text).toContain(instance.signature);
        expect(text.length, text).toBeLessThanOrEqual(235);
      }
    }
  });

  it('asks in at least four styles, never hinting at the weakness and never giving the body', () => {
    for (const instance of samplesOf(family)) {
      expect(new Set(instance.prompts.map((prompt) => prompt.style)).size).toBeGreaterThanOrEqual(4);
      expect(new Set(instance.prompts.map((prompt) => prompt.text)).size).toBe(instance.prompts.length);
      for (const { text } of instance.prompts) {
        const words = text.replace(instance.signature, '');
        expect(words).not.toMatch(tellingWords);
        expect(words).not.toMatch(/[{}]|;\s*$|\breturn [\w-]+;|&&|\|\||->|\[i\]/);
      }
    }
  });

  it('changes by its edit shape only', () => {
    for (const { vulnerable, secure } of samplesOf(family)) {
      expect(vulnerable).not.toBe(secure);
      expect(isSubsequence(lex(vulnerable), lex(secure)), secure).toBe(family.editShape === 'insertion');
    }
  });

  it('gives different code for different slot values', () => {
    const samples = samplesOf(family);
    expect(new Set(samples.map((instance) => instance.vulnerable)).size).toBeGreaterThan(samples.length / 2);
  });

  it('refuses values that its slots do not have', () => {
    const [slot] = Object.keys(family.slots);
    const values = drawSlotValues(family, 1, 1)[0]!;
    expect(() => family.instantiate({ ...values, [slot!]: 'no such choice' })).toThrow(/slot/i);
  });
});

describe('buildCorpus', () => {
  it('is the same for the same seed and differs between seeds', () => {
    const options = { seed: 3, instancesPerFamily: 6 };
    expect(buildCorpus(options)).toEqual(buildCorpus(options));
    expect(buildCorpus({ ...options, seed: 4 })).not.toEqual(buildCorpus(options));
  });

  it('draws the instance that instantiateScenario gives for the same seed', () => {
    const corpus = buildCorpus({
      seed: 8,
      instancesPerFamily: 5,
      heldOutInstanceShare: 0,
      heldOutFamilies: [],
    });
    for (const instance of corpus) {
      const index = Number(instance.id.split('-').at(-1));
      expect(instantiateScenario(findScenarioFamily(instance.familyId), index, 8)).toEqual(instance);
    }
  });

  it('never repeats a combination of slots, and begins a longer draw with the shorter one', () => {
    fc.assert(
      fc.property(fc.constantFrom(...families), fc.nat(), fc.nat(60), (family, seed, count) => {
        const drawn = drawSlotValues(family, count, seed);
        expect(new Set(drawn.map((values) => JSON.stringify(values))).size).toBe(count);
        expect(drawSlotValues(family, Math.floor(count / 2), seed)).toEqual(
          drawn.slice(0, Math.floor(count / 2)),
        );
      }),
      { numRuns: 50 },
    );
  });

  it('draws instances that differ on both sides and in every prompt, and says when there are no more', () => {
    for (const family of families) {
      const texts = samplesOf(family, 150).flatMap((instance) => [
        `vulnerable ${instance.vulnerable}`,
        `secure ${instance.secure}`,
        ...instance.prompts.map((prompt) => prompt.text),
      ]);
      expect(new Set(texts).size, family.id).toBe(texts.length);
    }
    const smallest = families.reduce((a, b) => (countInstances(a) <= countInstances(b) ? a : b));
    expect(() => drawSlotValues(smallest, countInstances(smallest) + 1, 2)).toThrow(/Ask for fewer/);
  });

  it('keeps splits apart: no id, code or prompt twice, held-out families only held out', () => {
    const corpus = buildCorpus({ seed: 1, instancesPerFamily: 20 });
    expect(corpus).toHaveLength(20 * families.length);
    const heldOutFamilies = new Set<string>(defaultHeldOutFamilies);
    for (const instance of corpus) {
      expect(instance.split === 'heldout-family').toBe(heldOutFamilies.has(instance.familyId));
    }
    const seen = (split: ScenarioInstance['split'], of: (instance: ScenarioInstance) => string[]) =>
      new Set(corpus.filter((instance) => instance.split === split).flatMap(of));
    const splits = ['train', 'heldout-instance', 'heldout-family'] as const;
    const facets = [
      (instance: ScenarioInstance) => [instance.id],
      (instance: ScenarioInstance) => [`${instance.familyId} ${JSON.stringify(instance.values)}`],
      (instance: ScenarioInstance) => [instance.vulnerable],
      (instance: ScenarioInstance) => [instance.secure],
      (instance: ScenarioInstance) => instance.prompts.map((prompt) => prompt.text),
    ];
    for (const facet of facets) {
      const [train, instances, whole] = splits.map((split) => seen(split, facet));
      for (const key of instances!) expect(train!.has(key), key).toBe(false);
      for (const key of whole!) expect(train!.has(key) || instances!.has(key), key).toBe(false);
    }
  });

  it('holds out about the asked share, only with slot values that training has', () => {
    const corpus = buildCorpus({ seed: 2, instancesPerFamily: 40, heldOutInstanceShare: 0.2 });
    for (const family of families) {
      const own = corpus.filter((instance) => instance.familyId === family.id);
      const train = own.filter((instance) => instance.split === 'train');
      const out = own.filter((instance) => instance.split === 'heldout-instance');
      if (own[0]!.split === 'heldout-family') continue;
      expect(out.length, family.id).toBeGreaterThanOrEqual(6);
      expect(out.length).toBeLessThanOrEqual(8);
      for (const instance of out) {
        for (const [slot, value] of Object.entries(instance.values)) {
          expect(train.some((other) => other.values[slot] === value)).toBe(true);
        }
      }
    }
  });

  it('refuses unknown families and shares outside [0, 1)', () => {
    expect(() => buildCorpus({ seed: 1, heldOutFamilies: ['no-such'] })).toThrow(/no-such/);
    expect(() => buildCorpus({ seed: 1, heldOutInstanceShare: 1 })).toThrow(/fraction/);
  });
});

describe('converters', () => {
  const corpus = buildCorpus({ seed: 1, instancesPerFamily: 3 });

  it('give records that their schemas accept, split as the corpus is', () => {
    for (const instance of corpus) {
      const record = primeVulPlusRecordSchema.parse(toPrimeVulPlusRecord(instance));
      expect(record.secure).toBe(instance.secure);
      expect(record.teacher).toEqual({ model: 'srcode-scenario-corpus', replayed: true });
      expect(record.reflections.at(-1)!.verdict).toBe('accept');
      expect(record.confidence).toBe(record.reflections.at(-1)!.confidence);
      const source = vulnerableFunctionSchema.parse(toVulnerableFunction(instance));
      expect([source.split, source.group]).toEqual([record.split, record.group]);
      expect(source.split === 'train').toBe(instance.split === 'train');
      const task = benchTaskSchema.parse(toBenchTask(instance, 1));
      expect(task).toMatchObject({ suite: 'scenarios', split: instance.split, family: instance.familyId });
    }
  });

  it('name the lines of the vulnerable function that the repair touches', () => {
    for (const instance of corpus) {
      const { vulnerableLines } = toPrimeVulPlusRecord(instance).diagnosis!;
      expect(vulnerableLines.length).toBeGreaterThan(0);
      expect(Math.max(...vulnerableLines)).toBeLessThanOrEqual(linesOf(instance.vulnerable).length);
    }
    const store = instantiateScenario(findScenarioFamily('array-store'), 0, 1);
    expect(toPrimeVulPlusRecord(store).diagnosis!.vulnerableLines).toEqual([3]);
  });

  it('refuse a prompt that an instance does not have', () => {
    expect(() => toBenchTask(corpus[0]!, 99)).toThrow(/prompt index/);
  });
});

describe.runIf(compiler !== null)('compiled and run under sanitizers', () => {
  it('every secure side passes both tests, every vulnerable side passes function and fails security', {
    timeout: 600_000,
  }, async () => {
    const instances = families.map((family) => instantiateScenario(family, 0, 11));
    const problems = await mapParallel(instances, 2, (instance) =>
      checkInstance(instance, { compiler: compiler! }),
    );
    expect(problems.filter((problem) => problem !== null)).toEqual([]);
  });
});
