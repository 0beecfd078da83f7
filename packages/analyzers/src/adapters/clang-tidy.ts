import type { Severity } from '@srcode/dataset';
import type { LocatedFinding } from '../sarif/read-sarif.js';
import { mapSeverity } from '../severity.js';
import type { Analyzer } from '../types.js';
import { createExternalAnalyzer, toolBroke } from './create-external-analyzer.js';

const line = /^(.*?):(\d+):(\d+): (warning|error): (.*) \[([\w.,-]+)\]\s*$/gm;

/** Checks whose meaning is a weakness, with the CWE that their pages name. */
const cweOfCheck: readonly (readonly [RegExp, string])[] = [
  [/NullDereference|NonNullParam/, 'CWE-476'],
  [/DivideZero/, 'CWE-369'],
  [/Uninitialized|UndefReturn|uninit/i, 'CWE-457'],
  [/unix\.Malloc$|NewDelete$/, 'CWE-416'],
  [/MallocSizeof|sizeof-expression/, 'CWE-467'],
  [/Leaks|MemoryLeak/, 'CWE-401'],
  [/StackAddressEscape/, 'CWE-562'],
  [/ArrayBound|BoundsCheck/i, 'CWE-787'],
  [/insecureAPI\.(?:strcpy|gets|DeprecatedOrUnsafeBufferHandling)/, 'CWE-120'],
  [/insecureAPI\.rand/, 'CWE-338'],
  [/insecureAPI\.mktemp|mkstemp/, 'CWE-377'],
  [/insecureAPI\.vfork|UncheckedReturn|unused-return-value/, 'CWE-252'],
  [/VLASize/, 'CWE-789'],
  [/integer-overflow|implicit-widening-of-multiplication/, 'CWE-190'],
  [/not-null-terminated/, 'CWE-170'],
  [/infinite-loop/, 'CWE-835'],
];

function severityOfCheck(check: string): Severity {
  for (const prefix of [
    'clang-analyzer-security',
    'clang-analyzer-core',
    'clang-analyzer-unix',
    'clang-analyzer',
    'cert',
    'bugprone',
  ])
    if (check.startsWith(prefix)) return mapSeverity('clang-tidy', prefix);
  return 'info';
}

/** Findings in clang-tidy's text output; compiler errors (`clang-diagnostic-…`) are no findings. */
export function parseClangTidy(output: string): LocatedFinding[] {
  return [...output.matchAll(line)].flatMap(([, file, row, column, , message, checks]) => {
    const check = checks!.split(',')[0]!;
    if (check.startsWith('clang-diagnostic')) return [];
    const cwe = cweOfCheck.find(([pattern]) => pattern.test(check))?.[1];
    return {
      file: file!,
      finding: {
        analyzer: 'clang-tidy',
        ruleId: check,
        cwe: cwe === undefined ? [] : [cwe],
        severity: severityOfCheck(check),
        message: message!,
        line: Number(row),
        column: Number(column),
        endLine: null,
      },
    };
  });
}

const checks =
  '-*,clang-analyzer-*,-clang-analyzer-optin*,-clang-analyzer-deadcode*,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling,bugprone-sizeof-expression,bugprone-not-null-terminated-result,bugprone-infinite-loop,bugprone-suspicious-string-compare,bugprone-implicit-widening-of-multiplication-result,cert-err33-c,cert-env33-c,cert-msc50-cpp';

/** clang-tidy with the clang static analyzer and the security checks of bugprone and cert. */
export function createClangTidyAnalyzer(): Analyzer {
  return createExternalAnalyzer({
    name: 'clang-tidy',
    command: 'clang-tidy',
    versionArgs: ['--version'],
    install: 'Debian/Ubuntu: apt install clang-tidy; macOS: brew install llvm',
    batchSize: 50,
    analyze: async (context) => {
      const result = await context.run(context.command, [
        ...['--quiet', `--checks=${checks}`, ...context.files, '--', '-w'],
      ]);
      // Status 1: some file does not compile; its neighbours were analyzed all the same.
      if (result.exitCode === null || result.exitCode > 1) throw toolBroke('clang-tidy', result);
      return parseClangTidy(result.stdout);
    },
  });
}
