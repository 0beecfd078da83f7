/**
 * Compiles and runs N instances of every scenario family, both sides, both tests.
 *
 *   npx tsx --conditions=@srcode/source packages/dataset/bench/check-corpus.ts [N=5] [seed=1] [family,…] [-O0|-O1]
 */
import { scenarioFamilies } from '../src/corpus/build-corpus.js';
import { drawSlotValues, instantiateScenario } from '../src/corpus/instantiate-scenario.js';
import { checkInstance, findCompiler, mapParallel } from '../test/corpus-runner.js';

const [countText = '5', seedText = '1', only = '', level = '-O0'] = process.argv.slice(2);
const compiler = await findCompiler();
if (!compiler) {
  console.error('Expected gcc or clang with AddressSanitizer; found neither. Install one.');
  process.exit(2);
}
const chosen = new Set(only.split(',').filter((id) => id !== '' && id !== 'all'));
const families = scenarioFamilies().filter((family) => chosen.size === 0 || chosen.has(family.id));
const count = Number(countText);
const seed = Number(seedText);
const instances = families.flatMap((family) =>
  drawSlotValues(family, count, seed).map((_values, index) => instantiateScenario(family, index, seed)),
);
const started = performance.now();
const problems = await mapParallel(instances, 2, (instance) =>
  checkInstance(instance, { compiler, optimization: level === '-O1' ? '-O1' : '-O0' }),
);
const wrong = problems.filter((problem) => problem !== null);
for (const problem of wrong) console.log(problem);
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(
  `${families.length} families, ${instances.length} instances, ${wrong.length} wrong, ${level}, ${compiler}, ${seconds} s`,
);
process.exitCode = wrong.length === 0 ? 0 : 1;
