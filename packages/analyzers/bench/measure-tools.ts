import { detectAnalyzers } from '@srcode/analyzers';
import { instantiateScenario, scenarioFamilies } from '@srcode/dataset';

/*
 * What every installed analyzer says of the two sides of the built-in corpus, in one batch each.
 * npx tsx --conditions=@srcode/source packages/analyzers/bench/measure-tools.ts [instances per family]
 */
const count = Number(process.argv[2] ?? 3);
const instances = scenarioFamilies().flatMap((family) =>
  Array.from({ length: count }, (_, index) => instantiateScenario(family, index, 1)),
);
const inputs = (side: 'vulnerable' | 'secure') =>
  instances.map((instance) => ({ code: instance[side], language: 'c' as const, context: instance.preamble }));
for (const { analyzer, availability } of await detectAnalyzers()) {
  if (!availability.available) {
    console.log(`${analyzer.name}: ${availability.reason}`);
    continue;
  }
  const started = performance.now();
  const vulnerable = await analyzer.analyze(inputs('vulnerable'));
  const secure = await analyzer.analyze(inputs('secure'));
  const seconds = (performance.now() - started) / 1000;
  const share = (list: readonly boolean[]) => list.filter(Boolean).length / list.length;
  const isSerious = ({ severity }: { severity: string }) => severity !== 'low' && severity !== 'info';
  console.log(`${analyzer.name} ${availability.version}`, {
    vulnerableFlagged: share(vulnerable.map((findings) => findings.length > 0)),
    secureFlagged: share(secure.map((findings) => findings.length > 0)),
    vulnerableMedium: share(vulnerable.map((findings) => findings.some(isSerious))),
    secureMedium: share(secure.map((findings) => findings.some(isSerious))),
    moreOnVulnerable: share(vulnerable.map((findings, index) => findings.length > secure[index]!.length)),
    inputsPerSecond: Math.round((2 * instances.length) / seconds),
  });
}
