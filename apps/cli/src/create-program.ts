import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { registerBackend } from './commands/backend.js';
import { registerCompare } from './commands/bench/compare.js';
import { registerFunctional } from './commands/bench/functional.js';
import { registerSecurity } from './commands/bench/security.js';
import { registerBuild } from './commands/dataset/build.js';
import { registerExport } from './commands/dataset/export.js';
import { registerImport } from './commands/dataset/import.js';
import { registerStats } from './commands/dataset/stats.js';
import { registerValidate } from './commands/dataset/validate.js';
import { registerDoctor } from './commands/doctor.js';
import { registerGenerate } from './commands/generate.js';
import { registerReport } from './commands/report.js';
import { registerReproduce } from './commands/reproduce.js';
import { registerLint } from './commands/rewards/lint.js';
import { registerServe } from './commands/rewards/serve.js';
import { registerShow } from './commands/rewards/show.js';
import { registerTag } from './commands/rewards/tag.js';
import { registerTeacher } from './commands/teacher.js';
import { registerGrpo, registerPpo } from './commands/train/policy.js';
import { registerSft } from './commands/train/sft.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** The whole command line, ready to parse. */
export function createProgram(): Command {
  const program = new Command('srcode')
    .description('Teach language models to write secure code with token-level rewards.')
    .version(version)
    .showHelpAfterError('(see --help)')
    .exitOverride((error) => {
      // Commander exits 1 on bad usage; the contract here is 2.
      process.exit(error.exitCode === 0 ? 0 : 2);
    });
  registerDoctor(program);
  registerBackend(program);
  const dataset = program
    .command('dataset')
    .description('import, build, validate, inspect and export datasets');
  registerImport(dataset);
  registerBuild(dataset);
  registerValidate(dataset);
  registerStats(dataset);
  registerExport(dataset);
  const rewards = program.command('rewards').description('token-level rewards: tag, lint, look, serve');
  registerTag(rewards);
  registerLint(rewards);
  registerShow(rewards);
  registerServe(rewards);
  const train = program.command('train').description('train a model on PrimeVul+: SFT, PPO, GRPO');
  registerSft(train);
  registerPpo(train);
  registerGrpo(train);
  registerGenerate(program);
  const bench = program.command('bench').description('benchmarks: security, function, comparison of arms');
  registerSecurity(bench);
  registerFunctional(bench);
  registerCompare(bench);
  registerTeacher(program);
  registerReport(program);
  registerReproduce(program);
  return program;
}
