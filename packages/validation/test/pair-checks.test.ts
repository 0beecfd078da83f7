import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ValidationInput, validateRecord } from '../src/index.js';
import { makeRecord, SECURE, VULNERABLE } from './make-record.js';

const codesOf = (record: ValidationInput) => validateRecord(record).rejections.map(({ code }) => code);
const warningsOf = (record: ValidationInput) => validateRecord(record).warnings.map(({ code }) => code);

it('accepts a good record, with nothing to remark and nothing skipped', () => {
  expect(validateRecord(makeRecord())).toEqual({
    id: 'r1',
    accepted: true,
    rejections: [],
    warnings: [],
    promptRejections: [],
    keptPrompts: makeRecord().prompts,
    skipped: [],
  });
});

describe('rejects', () => {
  const bodyOf = (text: string) => VULNERABLE.replace(/\{[\s\S]*\}/, `{\n${text}\n}`);
  const inBody = (text: string) => SECURE.replace('    slot->used = 1;\n    table->count++;\n', text);
  it.each<[string, Partial<ValidationInput>]>([
    ['secure-empty', { secure: ' \n' }],
    ['vulnerable-empty', { vulnerable: '' }],
    ['secure-too-long', { secure: `${SECURE}${'/* */'.repeat(50_000)}` }],
    ['no-change', { secure: VULNERABLE }],
    [
      'only-comments-changed',
      { secure: VULNERABLE.replace('/* the slot to write */', '\n\t// now checked') },
    ],
    ['name-changed', { secure: SECURE.replace('put_slot', 'put_slot_checked') }],
    ['parameters-changed', { secure: SECURE.replace('int index,', 'unsigned index,') }],
    ['parameters-changed', { secure: SECURE.replace('int index,', 'int index, int max,') }],
    ['return-type-changed', { secure: SECURE.replace('static int', 'static long') }],
    ['function-missing', { secure: 'index = clamp(index, 0, TABLE_MAX);' }],
    ['elided-code', { secure: inBody('    /* ... rest of the function unchanged ... */\n') }],
    ['elided-code', { secure: inBody('    // existing code here\n') }],
    ['elided-code', { secure: inBody('    ...\n') }],
    ['elided-code', { secure: inBody('    // ...\n') }],
    ['elided-code', { secure: inBody('    /* unchanged */\n') }],
    ['elided-code', { secure: inBody('    // (remaining code omitted)\n') }],
    ['secure-truncated', { secure: SECURE.slice(0, SECURE.indexOf('slot->used')) }],
    ['unbalanced-braces', { secure: SECURE.replace('slot->used', '{ slot->used') }],
    ['unbalanced-brackets', { secure: SECURE.replace('sizeof(*slot));', 'sizeof(*slot);') }],
    ['markdown-fence', { secure: `\`\`\`c\n${SECURE}\`\`\`` }],
    ['prose-in-code', { secure: `Here is the fixed function with checks:\n${SECURE}` }],
    ['refusal', { secure: `// I'm sorry, but I cannot fix this\n${SECURE}` }],
    ['secure-too-short', { secure: bodyOf('return -1;') }],
    ['low-confidence', { confidence: 0.1 }],
    ['low-confidence', { confidence: Number.NaN }],
    ['teacher-rejected', { reflections: [{ round: 1, verdict: 'reject', confidence: 0.9, issues: [] }] }],
    ['teacher-unsettled', { reflections: [{ round: 1, verdict: 'revise', confidence: 0.9, issues: ['x'] }] }],
    ['too-few-prompts', { prompts: [] }],
  ])('%s (case %#)', (code, changes) => {
    const verdict = validateRecord(makeRecord(changes));
    expect(verdict.accepted).toBe(false);
    expect(verdict.rejections.map((rejection) => rejection.code)).toContain(code);
    for (const { reason } of verdict.rejections) expect(reason).toMatch(/^["A-Z0-9].*[.]$/s);
  });

  it('a rewrite of a long function', () => {
    const wrap = (line: (index: number) => string) =>
      `int run(struct table *table)\n{\n${Array.from({ length: 60 }, (_, index) => line(index)).join('\n')}\n}\n`;
    const vulnerable = wrap((index) => `table_put(table, ${index});`);
    const secure = wrap((index) => `while (slot_${index}->next != head) head += 1;`);
    expect(codesOf(makeRecord({ vulnerable, secure }))).toEqual(['change-too-large']);
  });
});

describe('leaves alone', () => {
  it.each<[string, Partial<ValidationInput>]>([
    [
      'an insertion-only fix',
      { secure: VULNERABLE.replace('    slot = &', '    if (index < 0) return -1;\n    slot = &') },
    ],
    ['a deletion-only fix', { secure: VULNERABLE.replace('    table->count++;\n', '') }],
    ['renamed parameters', { secure: SECURE.replaceAll('index', 'position') }],
    ['a storage class that changed', { secure: SECURE.replace('static int', 'int') }],
    [
      'placeholder comments that the source itself has',
      {
        vulnerable: VULNERABLE.replace('/* the slot to write */', '/* rest of the code unchanged */'),
        secure: SECURE.replace('/* the slot to write */', '/* rest of the code unchanged */'),
      },
    ],
    [
      'variadic functions and case ranges',
      {
        vulnerable: 'int f(int n, ...) { switch (n) { case 1 ... 5: return 1; } return n; }',
        secure: 'int f(int n, ...) { if (n < 0) return 0; switch (n) { case 1 ... 5: return 1; } return n; }',
      },
    ],
    [
      'a function that the grammar cannot parse, on both sides',
      {
        vulnerable: 'STATIC_ATTR(x y) int f(list_t(struct a) *p, int n) { if (n) return p[n]; return 0; }',
        secure:
          'STATIC_ATTR(x y) int f(list_t(struct a) *p, int n) { if (n > 0 && n < 9) return p[n]; return 0; }',
      },
    ],
    [
      'a header that was cut at the name, restored or not',
      {
        vulnerable: 'f(struct a *p, int n)\n{\n\treturn p->v[n];\n}',
        secure: 'static int\nf(struct a *p, int n)\n{\n\tif (n < 0)\n\t\treturn 0;\n\treturn p->v[n];\n}',
      },
    ],
    [
      'branches of #if that open a brace twice',
      {
        vulnerable:
          'int f(int n)\n{\n#ifdef A\n  if (n) {\n#else\n  if (!n) {\n#endif\n    g(n);\n  }\n  return 0;\n}',
        secure:
          'int f(int n)\n{\n#ifdef A\n  if (n) {\n#else\n  if (!n) {\n#endif\n    if (n > 3) return 1;\n    g(n);\n  }\n  return 0;\n}',
      },
    ],
    [
      'an apology in the source',
      {
        vulnerable: VULNERABLE.replace('the slot to write', "I'm sorry for this hack"),
        secure: SECURE.replace('the slot to write', "I'm sorry for this hack"),
      },
    ],
  ])('%s', (_name, changes) => {
    expect(codesOf(makeRecord(changes))).toEqual([]);
  });
});

describe('warns of', () => {
  it('a change of strings and logging alone, but not where the format is the flaw', () => {
    const secure = VULNERABLE.replace('"slot %d set"', '"slot %d is set"');
    expect(warningsOf(makeRecord({ secure }))).toContain('only-strings-or-logging');
    expect(warningsOf(makeRecord({ secure, cwe: ['CWE-134'] }))).not.toContain('only-strings-or-logging');
    const added = VULNERABLE.replace('    return index', '    log_debug("done");\n    return index');
    expect(warningsOf(makeRecord({ secure: added }))).toContain('only-strings-or-logging');
    expect(warningsOf(makeRecord())).not.toContain('only-strings-or-logging');
  });

  it('no width that a format gains', () => {
    const read = (format: string) =>
      `int f(char *word) { if (scanf("${format}", word) != 1) return -1; return 0; }`;
    expect(warningsOf(makeRecord({ vulnerable: read('%s'), secure: read('%15s') }))).toEqual([]);
  });

  it('new helper functions', () => {
    const secure = `static int is_slot(int index) { return index >= 0; }\n${SECURE}`;
    expect(validateRecord(makeRecord({ secure }))).toMatchObject({ accepted: true });
    expect(warningsOf(makeRecord({ secure }))).toContain('extra-functions');
  });

  it('a source that was cut on both sides', () => {
    const cut = (text: string) => text.replace(/\}\s*$/, '');
    const record = makeRecord({ vulnerable: cut(VULNERABLE), secure: cut(SECURE) });
    expect(codesOf(record)).toEqual([]);
    expect(warningsOf(record)).toContain('source-truncated');
  });
});

describe('properties', () => {
  it('a secure side cut anywhere inside its body is rejected', () => {
    const start = SECURE.indexOf('{') + 1;
    const end = SECURE.lastIndexOf('}');
    fc.assert(
      fc.property(fc.integer({ min: start, max: end - 1 }), (at) => {
        expect(validateRecord(makeRecord({ secure: SECURE.slice(0, at) })).accepted).toBe(false);
      }),
    );
  });

  it('comments and whitespace change no verdict and no code', () => {
    const space = fc.constantFrom('\n', '\t', ' /* aside */ ', ' // note\n', '\n\n   ');
    fc.assert(
      fc.property(fc.array(space, { minLength: 13, maxLength: 13 }), (spaces) => {
        let at = 0;
        const spread = (text: string) => text.replace(/\n/g, () => `\n${spaces[at++ % spaces.length]}`);
        const verdict = validateRecord(
          makeRecord({ vulnerable: spread(VULNERABLE), secure: spread(SECURE) }),
        );
        expect([verdict.accepted, verdict.rejections]).toEqual([true, []]);
      }),
    );
  });

  it('any text on either side gives a verdict and never throws', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom(
        '{',
        '}',
        '(',
        ')',
        '/*',
        '*/',
        '"',
        "'",
        '\\\n',
        '#if 0\n',
        '#endif\n',
        'int f(int a)',
        'A<',
        '...',
        ';',
        '\u0000',
        '\uD800',
      ),
    );
    const text = fc.array(piece, { maxLength: 30 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, text, fc.array(text, { maxLength: 3 }), (vulnerable, secure, prompts) => {
        const record = makeRecord({
          vulnerable,
          secure,
          prompts: prompts.map((one) => ({ style: 's', text: one })),
        });
        const first = validateRecord(record);
        expect(first.accepted).toBe(first.rejections.length === 0);
        expect(validateRecord(record)).toEqual(first);
      }),
      { numRuns: 150 },
    );
  });

  it('deep or broken text is turned down in time', () => {
    for (const bad of [
      '('.repeat(60_000),
      '{'.repeat(60_000),
      '/*'.repeat(30_000),
      'A<'.repeat(30_000),
      `/* same ${'same '.repeat(20_000)}*/`,
    ])
      expect(validateRecord(makeRecord({ secure: bad })).accepted).toBe(false);
  });
});

it('leaves out what the caller ignores, by check or by code', () => {
  const secure = SECURE.replace('int index,', 'unsigned index,');
  for (const ignore of [['signature'], ['parameters-changed']])
    expect(validateRecord(makeRecord({ secure }), { ignore }).accepted).toBe(true);
  expect(validateRecord(makeRecord({ confidence: 0.5 }), { limits: { minConfidence: 0.8 } }).accepted).toBe(
    false,
  );
});

it('says which checks a human fix without prompts does not get', () => {
  const { confidence: _c, reflections: _r, teacher: _t, prompts: _p, ...human } = makeRecord();
  for (const record of [human, { ...human, confidence: null, reflections: [], teacher: null, prompts: [] }]) {
    const verdict = validateRecord(record);
    expect(verdict.accepted).toBe(true);
    expect(verdict.skipped.map(({ check }) => check)).toEqual(['confidence', 'verdict', 'prompts']);
  }
});
