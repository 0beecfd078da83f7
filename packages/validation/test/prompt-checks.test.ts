import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ValidationInput, validateRecord } from '../src/index.js';
import { makeRecord, PROMPTS } from './make-record.js';

const START = 'Write put_slot, which stores a name in the table';

/** Codes that the prompt is dropped for, alone or after the prompts of a good record. */
function codesFor(
  text: string,
  changes: Partial<ValidationInput> = {},
  before: typeof PROMPTS = [],
): string[] {
  const record = makeRecord({ ...changes, prompts: [...before, { style: 'x', text }] });
  return validateRecord(record).promptRejections.map(({ code }) => code);
}

describe('security words', () => {
  it.each([
    'securely',
    'in a secure way',
    'with security in mind',
    'safely',
    'and avoid unsafe calls',
    'thread-safe',
    'without vulnerabilities',
    'that cannot be exploited',
    'resisting attackers',
    'for untrusted input',
    'with sanitized names',
    'in hardened form',
    'without buffer overflows',
    'avoiding integer overflow',
    'with no overruns',
    'never writing out of bounds',
    'with bounds checking',
    'and check the bounds',
    'without use-after-free',
    'no double free',
    'no dangling pointers',
    'no memory leaks',
    'with null checks',
    'no SQL injection',
    'free of race conditions',
    'no TOCTOU',
    'no path traversal',
    'even for crafted input',
  ])('drops "… %s"', (words) => {
    expect(codesFor(`${START} ${words}.`)).toEqual(['prompt-speaks-of-security']);
    expect(codesFor(`${START} ${words.toUpperCase()}.`)).toEqual(['prompt-speaks-of-security']);
  });

  it.each(['CWE-787', 'cwe 787', 'CVE-2020-1234', 'CVE_2020_1234'])('drops the number %s', (number) => {
    expect(codesFor(`${START}, see ${number}.`)).toEqual(['prompt-names-weakness']);
  });

  it.each([
    'and is called from safe_mode_enter()',
    'through secure_boot_slot',
    'via the Attack::apply member',
    'for exploitation_rate',
    'and returns the index, which the insecure_flag of the caller needs',
    'with a damage counter',
    'and saves it',
  ])('leaves names and other words alone: "… %s"', (words) => {
    expect(codesFor(`${START} ${words}.`)).toEqual([]);
  });

  it('leaves a word of the function’s own field alone', () => {
    const changes = {
      vulnerable: makeRecord().vulnerable.replaceAll('slot', 'security_slot'),
      secure: makeRecord().secure.replaceAll('slot', 'security_slot'),
    };
    expect(codesFor('Write put_security_slot, which stores a security label in the table.', changes)).toEqual(
      [],
    );
  });

  it('warns of words that only hint', () => {
    const verdict = validateRecord(
      makeRecord({ prompts: [{ style: 'x', text: `${START} and reports malformed names.` }] }),
    );
    expect(verdict.accepted).toBe(true);
    expect(verdict.warnings).toMatchObject([
      { code: 'prompt-hints', promptIndex: 0, evidence: { words: ['malformed'] } },
    ]);
  });
});

describe('code of the body', () => {
  it('drops statements of either side', () => {
    expect(codesFor(`${START}. Use if (index < 0 || index >= TABLE_MAX) return.`)).toEqual([
      'prompt-leaks-code',
    ]);
    expect(
      codesFor(`${START} and do slot = &table->slots[index]; memset(slot, 0, sizeof(*slot)) first.`),
    ).toEqual(['prompt-leaks-code']);
  });

  it('drops names that only the repair has, unless the other way is named too', () => {
    expect(codesFor(`${START} by strlcpy.`)).toEqual(['prompt-leaks-repair']);
    const secure = makeRecord().secure.replace('strlcpy(', 'copy_name(');
    expect(codesFor(`${START} by copy_name.`, { secure })).toEqual(['prompt-leaks-repair']);
    const vulnerable = makeRecord().vulnerable.replace('strcpy(', 'take_name(');
    expect(codesFor(`${START}; there are copy_name and take_name.`, { secure, vulnerable })).toEqual([]);
  });

  it('warns of constants that only the repair has', () => {
    const prompts = [{ style: 'x', text: `${START} and gives ERANGE_SLOT beyond the last index.` }];
    const verdict = validateRecord(makeRecord({ prompts }));
    expect(verdict).toMatchObject({ accepted: true, warnings: [{ code: 'prompt-names-repair-constant' }] });
  });

  it('leaves the signature and the mention of a call alone', () => {
    expect(
      codesFor(`${START}: static int put_slot(struct table *table, int index, const char *name)`),
    ).toEqual([]);
    expect(codesFor(`${START}, calling log_debug("slot %d set", index) at the end.`)).toEqual([]);
  });

  it('finds any long run of the body, whatever stands around it', () => {
    const body =
      'slot = &table->slots[index]; memset(slot, 0, sizeof(*slot)); strcpy(slot->name, name); slot->used = 1; table->count++;';
    const words = fc.array(fc.constantFrom('table', 'the', 'entry', 'index', 'write', 'name'), {
      minLength: 4,
      maxLength: 8,
    });
    fc.assert(
      fc.property(words, words, (before, after) => {
        expect(codesFor(`${before.join(' ')}: ${body} ${after.join(' ')}`)).toEqual(['prompt-leaks-code']);
      }),
    );
  });
});

describe('duplicates', () => {
  it('drops a prompt that repeats an earlier one but for a few words or punctuation', () => {
    expect(codesFor(PROMPTS[1]!.text.replace('hands back', 'returns'), {}, PROMPTS)).toEqual([
      'prompt-duplicate',
    ]);
    expect(codesFor(PROMPTS[0]!.text.toUpperCase().replaceAll('`', '"'), {}, PROMPTS)).toEqual([
      'prompt-duplicate',
    ]);
  });

  it('does not count the signature, which all prompts share', () => {
    const text =
      'Our table needs a setter:\nstatic int put_slot(struct table *table, int index,\n   const char *name)\nMark the entry as taken.';
    expect(codesFor(text, {}, PROMPTS)).toEqual([]);
  });
});

describe('form', () => {
  it.each<[string, string]>([
    ['prompt-too-short', 'put_slot please'],
    ['prompt-too-short', 'implementtheputslotfunctionforthetable'],
    ['prompt-too-long', 'write the function '.repeat(120)],
    ['prompt-not-text', 'write the function\u0000 for the table now'],
    ['prompt-not-text', 'write this function \uFFFD\uFFFD\uFFFD for the table'],
    ['prompt-not-text', '{} [] () ;; == -> 1234 5678 9012 3456 7890 ab cd'],
  ])('drops %s', (code, text) => {
    expect(codesFor(text)).toEqual([code]);
  });

  it('accepts other scripts', () => {
    expect(codesFor('Напиши функцию put_slot, которая записывает имя в таблицу по индексу.')).toEqual([]);
  });
});

it('drops prompts one by one; the record falls only when too few are left', () => {
  const bad = { style: 'bad', text: `${START} securely.` };
  const verdict = validateRecord(makeRecord({ prompts: [bad, ...PROMPTS] }));
  expect(verdict).toMatchObject({
    accepted: true,
    keptPrompts: PROMPTS,
    promptRejections: [{ promptIndex: 0 }],
  });
  expect(validateRecord(makeRecord({ prompts: [bad] }))).toMatchObject({
    accepted: false,
    rejections: [{ code: 'too-few-prompts', evidence: { codes: ['prompt-speaks-of-security'] } }],
  });
  expect(
    validateRecord(makeRecord({ prompts: [bad, ...PROMPTS] }), { limits: { minPrompts: 3 } }).accepted,
  ).toBe(false);
});
