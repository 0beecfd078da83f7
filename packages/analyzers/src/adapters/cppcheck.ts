import type { LocatedFinding } from '../sarif/read-sarif.js';
import { mapSeverity } from '../severity.js';
import type { Analyzer } from '../types.js';
import { createExternalAnalyzer, toolBroke } from './create-external-analyzer.js';

/** Fields that cppcheck fills in; its XML holds no more that we need, and lines need no XML parser. */
const template = ['{file}', '{line}', '{column}', '{severity}', '{id}', '{cwe}', '{message}'].join('\t');

/** About cppcheck's own trouble with the text, not about the code's security. */
const notFindings =
  /^(?:syntaxError|unknownMacro|preprocessorErrorDirective|internalAstError|internalError|cppcheckError|cppcheckLimit|noValidConfiguration|missingInclude|missingIncludeSystem|toomanyconfigs|checkersReport|normalCheckLevelMaxBranches|unmatchedSuppression|AST|.*Configuration)$/;

/** Findings in what cppcheck wrote to stderr with our template; other lines are passed over. */
export function parseCppcheckLines(output: string): LocatedFinding[] {
  return output.split('\n').flatMap((text) => {
    const [file, line, column, severity, id, cwe, ...message] = text.split('\t');
    if (message.length === 0 || notFindings.test(id!) || !(Number(line) > 0)) return [];
    return {
      file: file!,
      finding: {
        analyzer: 'cppcheck',
        ruleId: id!,
        cwe: Number(cwe) > 0 ? [`CWE-${Number(cwe)}`] : [],
        severity: mapSeverity('cppcheck', severity!),
        message: message.join(' '),
        line: Number(line),
        column: Number(column) > 0 ? Number(column) : null,
        endLine: null,
      },
    };
  });
}

/** cppcheck 2 with its warning and portability checks. A text that it cannot parse has no findings. */
export function createCppcheckAnalyzer(): Analyzer {
  return createExternalAnalyzer({
    name: 'cppcheck',
    command: 'cppcheck',
    versionArgs: ['--version'],
    install: 'Debian/Ubuntu: apt install cppcheck; macOS: brew install cppcheck',
    analyze: async (context) => {
      const result = await context.run(context.command, [
        ...['--quiet', '--enable=warning,portability', '--max-configs=1'],
        ...['-j', String(context.jobs), `--template=${template}`, '--template-location='],
        ...['--suppress=missingIncludeSystem', '--error-exitcode=0', '.'],
      ]);
      if (result.exitCode !== 0) throw toolBroke('cppcheck', result);
      return parseCppcheckLines(result.stderr);
    },
  });
}
