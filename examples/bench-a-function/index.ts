// The compiled oracle: is an answer correct, and does it withstand hostile input? It is built with sanitizers and run in the sandbox.
import assert from 'node:assert/strict';
import { createCompiledOracle, detectCompiler, detectSandbox } from '@srcode/analyzers';
import { buildCorpus } from '@srcode/dataset';

const [scenario] = buildCorpus({ seed: 1, families: ['grid-cell'], instancesPerFamily: 1 });
assert(scenario);
const answers = {
  secure: scenario.secure,
  vulnerable: scenario.vulnerable,
  'does nothing': `${scenario.signature} {\n  return 0;\n}`,
  'cheats with exit(0)': `${scenario.signature} {\n  exit(0);\n}`,
};

const compiler = await detectCompiler();
if (!compiler.available) {
  console.log(`No compiled verdicts: ${compiler.reason}`);
} else {
  const { level } = await detectSandbox();
  console.log(`${scenario.title}; sandbox: ${level}`);
  const oracle = await createCompiledOracle({ compiler: compiler.compiler });
  try {
    for (const [name, code] of Object.entries(answers)) {
      const { compiled, functional, secure, detail } = await oracle.evaluate({
        preamble: scenario.preamble,
        code,
        driver: scenario.driver,
        language: 'c',
      });
      console.log(
        `${name}: compiled ${compiled}, functional ${functional}, secure ${secure}${detail ? ` — ${detail.split('\n')[0]}` : ''}`,
      );
      if (name === 'secure') assert.deepEqual([functional, secure], [true, true]);
      if (name === 'vulnerable') assert.deepEqual([functional, secure], [true, false]);
      if (name.startsWith('cheats')) assert.notEqual(functional, true);
    }
  } finally {
    await oracle.close();
  }
}
console.log('done');
