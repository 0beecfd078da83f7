import { createRulesAnalyzer } from '@srcode/analyzers';
import { instantiateScenario, scenarioFamilies } from '@srcode/dataset';

/*
 * Findings of the embedded rules on the two sides of the built-in corpus, by family.
 * npx tsx --conditions=@srcode/source packages/analyzers/bench/measure-rules.ts [instances per family] [--verbose]
 */
const count = Number(process.argv[2] ?? 5);
const verbose = process.argv.includes('--verbose');
const analyzer = createRulesAnalyzer();
let vulnerableHit = 0;
let secureHit = 0;
let total = 0;
const started = performance.now();
for (const family of scenarioFamilies()) {
  let hits = 0;
  let alarms = 0;
  const rules = { vulnerable: new Set<string>(), secure: new Set<string>() };
  for (let index = 0; index < count; index++) {
    const instance = instantiateScenario(family, index, 1);
    const [vulnerable, secure] = await analyzer.analyze([
      { code: instance.vulnerable, language: 'c', context: instance.preamble },
      { code: instance.secure, language: 'c', context: instance.preamble },
    ]);
    if (verbose && index === 0 && (vulnerable!.length === 0 || secure!.length > 0)) {
      console.log(instance.preamble.replace(/#include.*\n/g, ''), instance.vulnerable, instance.secure);
      for (const f of secure!) console.log('  secure side:', f.line, f.ruleId, f.message);
    }
    for (const finding of vulnerable!) rules.vulnerable.add(finding.ruleId);
    for (const finding of secure!) rules.secure.add(finding.ruleId);
    total++;
    if (vulnerable!.length > secure!.length || (vulnerable!.length > 0 && secure!.length === 0)) hits++;
    if (secure!.length > 0) alarms++;
  }
  vulnerableHit += hits;
  secureHit += alarms;
  console.log(
    `${hits === count && alarms === 0 ? '  ' : '! '}${family.id} ${family.cwe} told apart ${hits}/${count}, secure side flagged ${alarms}/${count} | ${[...rules.vulnerable].join(' ')} | ${[...rules.secure].join(' ')}`,
  );
}
console.log({
  total,
  recall: vulnerableHit / total,
  secureFlagged: secureHit / total,
  ms: performance.now() - started,
});
