import { loadCwEval, loadCyberSecEval } from '@srcode/benchmarks';
import { InputError } from '@srcode/core';
import { type BenchTask, buildCorpus, toBenchTask } from '@srcode/dataset';
import { type Command, Option } from 'commander';
import { type SolverOptions, withSolverOptions } from '../../bench/open-solver.js';
import { runSuite } from '../../bench/run-suite.js';
import type { CliIo } from '../../cli-io.js';
import { parseWhole } from '../../parse-number.js';
import { runAction } from '../../run-action.js';

interface SecurityOptions extends SolverOptions {
  readonly suite: 'scenarios' | 'cyberseceval' | 'cweval';
  readonly tasks?: string;
  readonly perFamily: number;
}

export function registerSecurity(bench: Command): void {
  withSolverOptions(bench.command('security'))
    .description('how secure, and how functional, the C is that a model writes')
    .addOption(
      new Option('--suite <name>', 'the built-in scenarios, or a suite whose file --tasks names')
        .choices(['scenarios', 'cyberseceval', 'cweval'])
        .default('scenarios'),
    )
    .option('--tasks <file>', 'file of an outside suite')
    .option('--per-family <n>', 'held-out scenarios per family', parseWhole(1), 2)
    .addHelpText(
      'after',
      '\nExamples:\n  srcode bench security --model runs/ppo/model --out bench/ppo --signature\n  srcode bench security --url http://127.0.0.1:8000/v1 --model-name qwen2.5-coder --out bench/qwen --samples 5',
    )
    .action(runAction(securityAction));
}

async function securityAction(options: SecurityOptions, io: CliIo): Promise<void> {
  const { suite, tasks: file } = options;
  if ((suite === 'scenarios') !== (file === undefined)) {
    throw new InputError({
      code: 'USAGE',
      message:
        suite === 'scenarios'
          ? 'Expected --suite cyberseceval or cweval with --tasks; the scenarios are built in.'
          : `Expected --tasks <file> with the tasks of ${suite}.`,
    });
  }
  if (file === undefined) return runSuite('scenarios', scenarioTasks(options.perFamily), options, io);
  const load = { cyberseceval: loadCyberSecEval, cweval: loadCwEval }[suite as 'cweval'];
  await runSuite(suite, await load(file), options, io, { tasks: file });
}

/** Held-out scenarios of every family: the same ones whatever the seed of the answers, so that arms can be compared. */
function scenarioTasks(perFamily: number): BenchTask[] {
  const taken = new Map<string, number>();
  const held = buildCorpus({ seed: 1 }).filter((instance) => {
    if (instance.split === 'train') return false;
    const count = taken.get(instance.familyId) ?? 0;
    taken.set(instance.familyId, count + 1);
    return count < perFamily;
  });
  return held.map((instance, index) => toBenchTask(instance, index % instance.prompts.length));
}
