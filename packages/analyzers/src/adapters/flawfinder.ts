import { AnalyzerFailedError } from '../errors.js';
import { type LocatedFinding, parseSarif } from '../sarif/read-sarif.js';
import type { Analyzer } from '../types.js';
import { createExternalAnalyzer, toolBroke } from './create-external-analyzer.js';

/** Findings of flawfinder's SARIF. Its rule names (`buffer/strcpy`) read better than its numbers (`FF1001`). */
export function parseFlawfinder(output: string): LocatedFinding[] {
  try {
    return parseSarif(output, { path: 'flawfinder --sarif' });
  } catch (cause) {
    throw new AnalyzerFailedError({
      code: 'ANALYZER_OUTPUT',
      message: `Expected SARIF from flawfinder, got something else: ${(cause as Error).message}`,
      context: { analyzer: 'flawfinder' },
      cause,
    });
  }
}

/** flawfinder: names of risky calls, whatever is around them; many findings, few of them certain. */
export function createFlawfinderAnalyzer(): Analyzer {
  return createExternalAnalyzer({
    name: 'flawfinder',
    command: 'flawfinder',
    versionArgs: ['--version'],
    install: 'pipx install flawfinder, or pip install flawfinder',
    analyze: async (context) => {
      const result = await context.run(context.command, [
        '--sarif',
        '--minlevel=1',
        '--neverignore',
        '--',
        ...context.files,
      ]);
      if (result.exitCode !== 0) throw toolBroke('flawfinder', result);
      return parseFlawfinder(result.stdout);
    },
  });
}
