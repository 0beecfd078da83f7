import type { Command } from 'commander';
import type { CliIo } from '../cli-io.js';
import { collectFacts, type DoctorFacts, type Fact } from '../doctor/collect-facts.js';
import { type CommonOptions, runAction, withCommonOptions } from '../run-action.js';

export function registerDoctor(program: Command): void {
  withCommonOptions(program.command('doctor'))
    .description('what this machine has for SRCode, what it lacks, and the command that installs it')
    .addHelpText('after', '\nExample:\n  srcode doctor --json')
    .action(runAction(doctorAction));
}

async function doctorAction(_options: CommonOptions, io: CliIo): Promise<void> {
  const facts = await collectFacts(io.signal);
  io.out(io.json ? JSON.stringify(facts, null, 2) : renderFacts(facts).join('\n'));
}

const gibibytes = (bytes: number | null) =>
  bytes === null ? 'unknown' : `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** One line per thing; what is absent is followed by how to install it. */
function* factLines({ name, available, detail, install }: Fact): Generator<string> {
  yield `  ${available ? '✓' : '✗'} ${name}: ${detail}`;
  if (install !== null) yield `      install: ${install}`;
}

/** The facts as lines of plain text. */
export function renderFacts(facts: DoctorFacts): string[] {
  const { node, backend, backends, compiler, sandbox, analyzers, tools, machine } = facts;
  const open = Object.entries(sandbox.isolated)
    .filter(([, isIsolated]) => !isIsolated)
    .map(([what]) => what);
  return [
    `Node ${node.version} on ${node.platform}${node.supported ? '' : ': too old, install Node 20 or newer'}`,
    `${machine.cores} cores, ${gibibytes(machine.memoryBytes)} memory (${gibibytes(machine.freeMemoryBytes)} free), ${gibibytes(machine.freeDiskBytes)} disk free here`,
    `cache: ${machine.cacheFolder} (${gibibytes(machine.freeCacheDiskBytes)} free)`,
    '',
    backend.name === null
      ? `Tensor backend: none usable. ${backend.why}`
      : `Tensor backend: ${backend.name} (${backend.why})`,
    ...backends.flatMap((fact) => [...factLines(fact)]),
    '',
    'Compiled oracle',
    ...factLines(compiler),
    ...(compiler.available
      ? [
          `  ${compiler.sanitizers ? '✓ AddressSanitizer and UBSan: both seen to work' : '✗ AddressSanitizer and UBSan: do not work'}`,
        ]
      : [
          '      until then: function is not measured, and the embedded rules stand in for the security tests',
        ]),
    ...factLines({
      ...sandbox,
      detail: `${sandbox.level}${open.length === 0 ? ', everything isolated' : `, NOT isolated: ${open.join(', ')}`} (${sandbox.detail})`,
    }),
    '',
    'Analyzers',
    ...analyzers.flatMap((fact) => [...factLines(fact)]),
    '',
    'Other tools',
    ...tools.flatMap((fact) => [...factLines(fact)]),
  ];
}
