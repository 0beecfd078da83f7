import { z } from 'zod';
import { AnalyzerFailedError } from '../errors.js';
import type { LocatedFinding } from '../sarif/read-sarif.js';
import { mapSeverity } from '../severity.js';
import type { Analyzer } from '../types.js';
import { createExternalAnalyzer, toolBroke } from './create-external-analyzer.js';

const outputSchema = z.looseObject({
  results: z.array(
    z.looseObject({
      check_id: z.string(),
      path: z.string(),
      start: z.looseObject({ line: z.number().int(), col: z.number().int() }),
      end: z.looseObject({ line: z.number().int() }),
      extra: z.looseObject({
        message: z.string(),
        severity: z.string(),
        metadata: z.looseObject({ cwe: z.union([z.string(), z.array(z.string())]).optional() }).optional(),
      }),
    }),
  ),
});

/** Findings of `semgrep --json`. Throws `AnalyzerFailedError` for anything else. */
export function parseSemgrep(output: string): LocatedFinding[] {
  let data: z.infer<typeof outputSchema>;
  try {
    data = outputSchema.parse(JSON.parse(output));
  } catch (cause) {
    throw new AnalyzerFailedError({
      code: 'ANALYZER_OUTPUT',
      message:
        'Expected the JSON of semgrep --json, got something else. Run semgrep by hand to see what it says.',
      context: { analyzer: 'semgrep' },
      cause,
    });
  }
  return data.results.map(({ check_id, path, start, end, extra }) => ({
    file: path,
    finding: {
      analyzer: 'semgrep',
      ruleId: check_id,
      cwe: [extra.metadata?.cwe ?? []].flat().flatMap((text) => /CWE-\d+/.exec(text)?.[0] ?? []),
      severity: mapSeverity('semgrep', extra.severity),
      message: extra.message,
      line: Math.max(1, start.line),
      column: Math.max(1, start.col),
      endLine: Math.max(1, end.line),
    },
  }));
}

export interface SemgrepOptions {
  /** Rule file, folder, or registry name (which needs the network). Without it the tool is told to be missing its rules. */
  readonly config?: string;
}

/** semgrep with rules of the caller's choice; it brings none of its own for C. */
export function createSemgrepAnalyzer(options: SemgrepOptions = {}): Analyzer {
  return createExternalAnalyzer({
    name: 'semgrep',
    command: 'semgrep',
    versionArgs: ['--version'],
    install: 'pipx install semgrep, and give it rules for C (a file or folder)',
    ...(options.config === undefined ? { missing: 'no rules given (it brings none for C)' } : {}),
    analyze: async (context) => {
      const result = await context.run(context.command, [
        ...[
          'scan',
          '--json',
          '--quiet',
          '--metrics=off',
          '--disable-version-check',
          '--no-git-ignore',
          '--disable-nosem',
        ],
        ...['--config', options.config!, '.'],
      ]);
      // Status 1: there are findings.
      if (result.exitCode === null || result.exitCode > 1) throw toolBroke('semgrep', result);
      return parseSemgrep(result.stdout);
    },
  });
}
