import { join } from 'node:path';
import { readSarif } from '../sarif/read-sarif.js';
import type { Analyzer } from '../types.js';
import { createExternalAnalyzer, toolBroke } from './create-external-analyzer.js';

export interface CodeqlOptions {
  /** Query suite or pack. Default: the security suite of CodeQL's C and C++ queries. */
  readonly queries?: string;
}

/** CodeQL without building (`--build-mode=none`): one database per batch. Needs its query pack on this machine. */
export function createCodeqlAnalyzer(options: CodeqlOptions = {}): Analyzer {
  const queries = options.queries ?? 'codeql/cpp-queries:codeql-suites/cpp-security-extended.qls';
  return createExternalAnalyzer({
    name: 'codeql',
    command: 'codeql',
    versionArgs: ['version', '--format=terse'],
    install:
      'Unpack the CodeQL bundle from github.com/github/codeql-action/releases and put it on the PATH (mind its licence)',
    batchSize: 500,
    timeoutMs: 1_800_000,
    analyze: async (context) => {
      const database = join(context.folder, 'database');
      const sarif = join(context.folder, 'findings.sarif');
      const created = await context.run(context.command, [
        ...['database', 'create', database, '--language=cpp', '--build-mode=none', '--overwrite'],
        `--source-root=${context.folder}`,
      ]);
      if (created.exitCode !== 0) throw toolBroke('codeql', created);
      const analyzed = await context.run(context.command, [
        ...['database', 'analyze', database, queries, '--format=sarif-latest', `--output=${sarif}`],
        `--threads=${context.jobs}`,
      ]);
      if (analyzed.exitCode !== 0) throw toolBroke('codeql', analyzed);
      return readSarif(sarif);
    },
  });
}
