import type { ValidationInput } from '../src/index.js';

export const VULNERABLE = `static int put_slot(struct table *table, int index, const char *name)
{
    struct slot *slot;

    /* the slot to write */
    slot = &table->slots[index];
    memset(slot, 0, sizeof(*slot));
    strcpy(slot->name, name);
    slot->used = 1;
    table->count++;
    log_debug("slot %d set", index);
    return index;
}
`;

export const SECURE = VULNERABLE.replace(
  '    slot = &',
  '    if (index < 0 || index >= TABLE_MAX)\n        return -ERANGE_SLOT;\n    slot = &',
).replace('strcpy(slot->name, name);', 'strlcpy(slot->name, name, sizeof(slot->name));');

export const PROMPTS = [
  {
    style: 'terse',
    text: 'Write `static int put_slot(struct table *table, int index, const char *name)`, which fills the slot at that index and returns it.',
  },
  {
    style: 'detailed',
    text: 'I need put_slot for our lookup table. It clears the entry, copies the name, marks it used, counts it and hands back the index it was given.',
  },
];

/** A record that passes every check. */
export function makeRecord(changes: Partial<ValidationInput> = {}): ValidationInput {
  return {
    id: 'r1',
    vulnerable: VULNERABLE,
    secure: SECURE,
    language: 'c',
    cwe: ['CWE-787'],
    confidence: 0.9,
    reflections: [{ round: 1, verdict: 'accept', confidence: 0.9, issues: [] }],
    teacher: { model: 'm', replayed: false },
    prompts: PROMPTS,
    ...changes,
  };
}
