import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { CancelledError } from '@srcode/core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AnalyzerFailedError, ToolMissingError } from '../errors.js';
import type { Analyzer } from '../types.js';
import { createClangTidyAnalyzer, parseClangTidy } from './clang-tidy.js';
import { createCodeqlAnalyzer } from './codeql.js';
import { createCppcheckAnalyzer, parseCppcheckLines } from './cppcheck.js';
import { detectAnalyzers } from './detect-analyzers.js';
import { createFlawfinderAnalyzer } from './flawfinder.js';
import { createSemgrepAnalyzer } from './semgrep.js';

/** Stand-ins for tools: shell scripts that print what the real ones print, as their documentation shows it. */
let folder: string;
const path = process.env.PATH;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'srcode-tools-'));
});
afterEach(() => {
  process.env.PATH = path;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function installTool(name: string, script: string): Promise<void> {
  await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, name), 0o755);
  process.env.PATH = `${folder}${delimiter}${path}`;
}

const code = 'void f(char *d, const char *s)\n{\n    strcpy(d, s);\n}\n';
const context = '#include <string.h>\n';
const inputs = [
  { code, language: 'c', context },
  { code: 'int g(void) { return 0; }', language: 'cpp' },
] as const;

const sarif = (tool: string, file: string) =>
  JSON.stringify({
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: tool,
            rules: [{ id: 'R', properties: { 'security-severity': '7.5', tags: ['external/cwe/cwe-120'] } }],
          },
        },
        results: [
          {
            ruleId: 'R',
            message: { text: 'copy' },
            locations: [
              {
                physicalLocation: {
                  artifactLocation: { uri: file },
                  region: { startLine: 4, startColumn: 5 },
                },
              },
            ],
          },
          {
            ruleId: 'R',
            message: { text: 'in the context' },
            locations: [{ physicalLocation: { artifactLocation: { uri: file }, region: { startLine: 1 } } }],
          },
        ],
      },
    ],
  });

describe('adapters over recorded output', () => {
  it('cppcheck: maps levels and CWE, drops its own troubles, keeps tabs in messages', () => {
    const found = parseCppcheckLines(
      [
        'input0.c\t3\t9\terror\tbufferAccessOutOfBounds\t788\tBuffer is accessed out of bounds: b',
        'input0.c\t4\t0\twarning\tuninitvar\t457\tone\ttwo',
        'input1.c\t1\t8\terror\tsyntaxError\t0\tUnmatched',
        'nofile\t0\t0\tinformation\tmissingInclude\t0\tnot found',
        'some other text',
      ].join('\n'),
    );
    expect(
      found.map(({ file, finding }) => [
        file,
        finding.ruleId,
        finding.severity,
        finding.cwe,
        finding.column,
        finding.message,
      ]),
    ).toEqual([
      ['input0.c', 'bufferAccessOutOfBounds', 'high', ['CWE-788'], 9, 'Buffer is accessed out of bounds: b'],
      ['input0.c', 'uninitvar', 'medium', ['CWE-457'], null, 'one two'],
    ]);
  });

  it('clang-tidy: reads checks, leaves compiler errors out', async () => {
    const output = `/tmp/x/input0.c:4:5: warning: Call to function 'strcpy' is insecure [clang-analyzer-security.insecureAPI.strcpy]
    strcpy(d, s);
    ^
/tmp/x/input0.c:4:5: error: unknown type name 'q' [clang-diagnostic-error]
/tmp/x/input1.cpp:1:1: warning: loop is infinite [bugprone-infinite-loop,cert-x]
`;
    expect(
      parseClangTidy(output).map(({ finding }) => [finding.ruleId, finding.severity, finding.cwe]),
    ).toEqual([
      ['clang-analyzer-security.insecureAPI.strcpy', 'high', ['CWE-120']],
      ['bugprone-infinite-loop', 'medium', ['CWE-835']],
    ]);
    await installTool('clang-tidy', `cat <<'END'\n${output}END\nexit 1`);
    const [first, second] = await createClangTidyAnalyzer().analyze(inputs);
    expect(first!.map(({ line }) => line)).toEqual([3]);
    expect(second!.map(({ ruleId }) => ruleId)).toEqual(['bugprone-infinite-loop']);
  });

  it('semgrep: wants rules, reads its JSON', async () => {
    const [without] = await detectAnalyzers([createSemgrepAnalyzer()]);
    expect(without!.availability).toMatchObject({
      available: false,
      reason: expect.stringContaining('no rules'),
    });
    const result = {
      check_id: 'rules.insecure-strcpy',
      path: 'input0.c',
      start: { line: 4, col: 5 },
      end: { line: 4, col: 17 },
      extra: {
        message: 'Use strlcpy',
        severity: 'WARNING',
        metadata: { cwe: ['CWE-676: Use of dangerous function'] },
      },
    };
    await installTool('semgrep', `echo '${JSON.stringify({ results: [result], errors: [] })}'; exit 1`);
    const [first, second] = await createSemgrepAnalyzer({ config: 'rules.yml' }).analyze(inputs);
    expect(first).toEqual([
      {
        analyzer: 'semgrep',
        ruleId: 'rules.insecure-strcpy',
        cwe: ['CWE-676'],
        severity: 'medium',
        message: 'Use strlcpy',
        line: 3,
        column: 5,
        endLine: 3,
      },
    ]);
    expect(second).toEqual([]);
  });

  it('CodeQL: creates a database, analyzes it, reads its SARIF', async () => {
    await installTool(
      'codeql',
      `case "$1 $2" in "database create") exit 0;; "database analyze") for a in "$@"; do case "$a" in --output=*) out="\${a#--output=}";; esac; done; cat > "$out" <<'END'\n${sarif('CodeQL', 'input0.c')}\nEND\n;; *) echo 2.23.1;; esac`,
    );
    const analyzer = createCodeqlAnalyzer();
    expect(await analyzer.detect()).toEqual({ available: true, version: '2.23.1' });
    const [first] = await analyzer.analyze(inputs);
    expect(first).toMatchObject([{ analyzer: 'codeql', severity: 'high', cwe: ['CWE-120'], line: 3 }]);
  });

  it('flawfinder: reads its SARIF, and says when it is something else', async () => {
    await installTool('flawfinder', `cat <<'END'\n${sarif('Flawfinder', './input0.c')}\nEND`);
    const [first, second] = await createFlawfinderAnalyzer().analyze(inputs);
    expect(first).toMatchObject([{ analyzer: 'flawfinder', line: 3 }]);
    expect(second).toEqual([]);
    await installTool('flawfinder', 'echo "Usage: flawfinder"');
    await expect(createFlawfinderAnalyzer().analyze(inputs)).rejects.toThrow(AnalyzerFailedError);
  });
});

describe('a tool', () => {
  it('that is missing is told with its reason and how to install it, and fails typed when run', async () => {
    process.env.PATH = join(folder, 'empty');
    for (const analyzer of [
      createCppcheckAnalyzer(),
      createFlawfinderAnalyzer(),
      createClangTidyAnalyzer(),
      createCodeqlAnalyzer(),
    ]) {
      const availability = await analyzer.detect();
      expect(availability).toMatchObject({
        available: false,
        reason: expect.stringContaining('not on the PATH'),
      });
      if (!availability.available) expect(availability.install.length).toBeGreaterThan(10);
      await expect(analyzer.analyze(inputs)).rejects.toThrow(ToolMissingError);
    }
  });

  it('that crashes, or fails to tell its version, is an error that says what it said', async () => {
    await installTool('cppcheck', 'echo "internal trouble" >&2; kill -SEGV $$');
    await expect(createCppcheckAnalyzer().analyze(inputs)).rejects.toThrow(/SIGSEGV.*internal trouble/);
    await installTool('cppcheck', 'exit 3');
    expect(await createCppcheckAnalyzer().detect()).toMatchObject({
      available: false,
      reason: expect.stringContaining('status 3'),
    });
  });

  it('is killed on abort', async () => {
    await installTool('cppcheck', 'sleep 60');
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 100);
    await expect(createCppcheckAnalyzer().analyze(inputs, controller.signal)).rejects.toThrow(CancelledError);
  });

  it('sees neither our environment nor comments that silence it', async () => {
    process.env.SRCODE_TEST_SECRET = 'swordfish';
    await installTool(
      'cppcheck',
      '(env; cat input0.c) > seen; grep -q -e swordfish -e NOLINT seen && exit 9; exit 0',
    );
    const silenced = { code: `${code}// NOLINT\n`, language: 'c' } as const;
    await expect(createCppcheckAnalyzer().analyze([silenced])).resolves.toEqual([[]]);
    delete process.env.SRCODE_TEST_SECRET;
  });
});

const installed = await createCppcheckAnalyzer().detect();

describe.runIf(installed.available)('the cppcheck of this machine', () => {
  it('finds what it should in the right input of a batch', async () => {
    const bad = { code: 'void f(void)\n{\n    char b[4];\n    b[4] = 0;\n}\n', language: 'c' } as const;
    const analyzer: Analyzer = createCppcheckAnalyzer();
    const results = await analyzer.analyze([
      inputs[1],
      bad,
      inputs[1],
      { code: 'int f( {', language: 'c' },
      { ...bad, context: 'int before;\n\n' },
    ]);
    expect(results.map((findings) => findings.map(({ ruleId, line, cwe }) => [ruleId, line, cwe]))).toEqual([
      [],
      [['arrayIndexOutOfBounds', 4, ['CWE-788']]],
      [],
      [],
      [['arrayIndexOutOfBounds', 4, ['CWE-788']]],
    ]);
  });
});
