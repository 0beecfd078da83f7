import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '@srcode/core';
import type { Finding } from '@srcode/dataset';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MalformedSarifError } from '../errors.js';
import { parseSarif, readSarif } from './read-sarif.js';
import { toSarif, writeSarif } from './write-sarif.js';

/** As CodeQL writes it: rules in an extension, severity and CWE in the rule's properties. */
const fromQueries = {
  version: '2.1.0',
  runs: [
    {
      tool: {
        driver: { name: 'CodeQL', rules: [] },
        extensions: [
          {
            name: 'codeql/cpp-queries',
            rules: [
              {
                id: 'cpp/overflow-buffer',
                defaultConfiguration: { level: 'error' },
                properties: {
                  tags: ['security', 'external/cwe/cwe-119', 'external/cwe/cwe-0787'],
                  'security-severity': '9.3',
                },
              },
            ],
          },
        ],
      },
      results: [
        {
          ruleId: 'cpp/overflow-buffer',
          rule: { id: 'cpp/overflow-buffer', index: 0, toolComponent: { index: 0 } },
          message: { text: 'This write may overflow.' },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: 'src/a.c' },
                region: { startLine: 7, startColumn: 5, endColumn: 9 },
              },
            },
          ],
        },
        { ruleId: 'cpp/overflow-buffer', kind: 'pass', message: { text: 'fine here' } },
        {
          ruleId: 'cpp/overflow-buffer',
          suppressions: [{ kind: 'inSource' }],
          message: { text: 'silenced' },
        },
      ],
    },
    {
      tool: {
        driver: {
          name: 'other',
          rules: [
            {
              id: 'X1',
              defaultConfiguration: { level: 'note' },
              relationships: [{ target: { id: 'CWE-120' } }],
            },
          ],
        },
      },
      results: [{ ruleIndex: 0, message: { text: 'by index' } }],
    },
  ],
};

const findingArbitrary: fc.Arbitrary<Finding> = fc.record({
  analyzer: fc.constantFrom('cppcheck', 'srcode-rules', 'x'),
  ruleId: fc.constantFrom('unbounded-copy', 'r1', 'r2'),
  cwe: fc.uniqueArray(fc.constantFrom('CWE-120', 'CWE-787', 'CWE-22'), { maxLength: 2 }),
  severity: fc.constantFrom('critical', 'high', 'medium', 'low', 'info'),
  message: fc.string({ minLength: 1, maxLength: 40 }),
  line: fc.integer({ min: 1, max: 1e6 }),
  column: fc.option(fc.integer({ min: 1, max: 200 }), { nil: null }),
  endLine: fc.option(fc.integer({ min: 1, max: 1e6 }), { nil: null }),
});

describe('SARIF', () => {
  it('reads rules from extensions, severity from the score, CWE from tags, taxa and relationships', () => {
    const findings = parseSarif(JSON.stringify(fromQueries));
    expect(findings).toEqual([
      {
        file: 'src/a.c',
        finding: {
          analyzer: 'CodeQL',
          ruleId: 'cpp/overflow-buffer',
          cwe: ['CWE-119', 'CWE-787'],
          severity: 'critical',
          message: 'This write may overflow.',
          line: 7,
          column: 5,
          endLine: null,
        },
      },
      {
        file: '',
        finding: {
          analyzer: 'other',
          ruleId: 'X1',
          cwe: ['CWE-120'],
          severity: 'low',
          message: 'by index',
          line: 1,
          column: null,
          endLine: null,
        },
      },
    ]);
  });

  it('gives back what it wrote', () => {
    fc.assert(
      fc.property(fc.array(findingArbitrary, { maxLength: 20 }), (findings) => {
        const located = findings.map((finding, index) => ({ file: `f${index % 3}.c`, finding }));
        const back = parseSarif(JSON.stringify(toSarif(located)));
        const byText = (items: typeof located) => items.map((item) => JSON.stringify(item)).sort();
        expect(byText(back)).toEqual(byText(located));
      }),
    );
  });

  it('refuses what is not SARIF 2.1.0, saying what it found', () => {
    const cases: [string, string][] = [
      ['{"version": "2.1.0", "runs": [', 'not JSON'],
      ['[]', 'SARIF 2.1.0'],
      ['{"version": "2.0.0", "runs": []}', 'version'],
      ['{"version": "2.1.0"}', 'runs'],
      ['{"version": "2.1.0", "runs": [{"tool": {}}]}', 'runs.0.tool.driver'],
      [
        '{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"results":[{"locations":[{"physicalLocation":{"region":{"startLine":-3}}}]}]}]}',
        'startLine',
      ],
    ];
    for (const [text, part] of cases) {
      expect(() => parseSarif(text), text).toThrow(MalformedSarifError);
      expect(() => parseSarif(text), text).toThrow(part);
    }
  });

  it('holds to its caps', () => {
    const text = JSON.stringify(fromQueries);
    expect(() => parseSarif(text, { maxBytes: 100 })).toThrow('at most 100 bytes');
    expect(() => parseSarif(text, { maxResults: 3 })).toThrow('at most 3 results, got 4');
  });

  it('survives any JSON with a typed error or findings', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          parseSarif(
            JSON.stringify({ version: '2.1.0', runs: [{ tool: { driver: { name: 'x' } }, results: value }] }),
          );
        } catch (error) {
          expect(MalformedSarifError.isInstance(error)).toBe(true);
        }
      }),
    );
  });

  describe('files', () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'srcode-sarif-'));
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    it('are written whole and read back', async () => {
      const path = join(folder, 'sub', 'out.sarif');
      const located = parseSarif(JSON.stringify(fromQueries));
      await writeSarif(path, located);
      expect(await readSarif(path)).toEqual(
        located.map((item) => (item.file === '' ? expect.objectContaining({ file: '' }) : item)),
      );
    });

    it('that are missing, huge or cut name themselves', async () => {
      await expect(readSarif(join(folder, 'none.sarif'))).rejects.toThrow(InputError);
      const path = join(folder, 'cut.sarif');
      await writeFile(path, JSON.stringify(fromQueries).slice(0, 300));
      await expect(readSarif(path)).rejects.toThrow(path);
      await expect(readSarif(path, { maxBytes: 10 })).rejects.toThrow('at most 10 bytes');
    });
  });
});
