import { defineFamily, returnWhen } from '../define-family.js';
import {
  capacityNames,
  destinationNames,
  failureValues,
  lengthNames,
  nouns,
  sourceNames,
  stringNames,
  verbs,
} from '../vocabulary.js';

export const copyTerminated = defineFamily({
  id: 'copy-terminated',
  title: 'Length from the caller is copied without comparing it with the room in the destination',
  rootCause: 'The copy and the terminator after it may go past the end of the destination.',
  cwe: 'CWE-120',
  editShape: 'insertion',
  slots: {
    verb: verbs.copy,
    noun: nouns,
    dst: destinationNames,
    cap: capacityNames,
    len: lengthNames,
    fail: failureValues,
  },
  build({ verb, noun, dst, cap, len, fail }) {
    const functionName = `${verb}_${noun}`;
    const signature = `int ${functionName}(char *${dst}, size_t ${cap}, const char *src, size_t ${len})`;
    const body = (guard: string) =>
      `${guard}    memcpy(${dst}, src, ${len});\n    ${dst}[${len}] = '\\0';\n    return 0;`;
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: copy ${len} chars of src to ${dst} (${cap} chars large) and end it with a zero. 0 when copied, else ${fail}.`,
        detailed: `Write the C function ${signature}. It makes ${dst}, an array of ${cap} chars, the string of the first ${len} chars of src. Return 0, or ${fail} if nothing was copied.`,
        scenario: `A parser cuts a ${noun} out of a line. Write ${signature}: ${dst} (${cap} chars) becomes the string of ${len} chars at src. 0 if done, ${fail} if not.`,
        question: `How do you write ${signature} in C, so that ${dst}, ${cap} chars large, holds the ${len} chars of src as a string? Return 0, or ${fail} if it does not.`,
      },
      vulnerableBody: body(''),
      secureBody: body(returnWhen(`${len} >= ${cap}`, fail)),
      functionTest: `
        char *d = malloc(8);
        CHECK(${functionName}(d, 8, "abcdefgh", 3) == 0 && strcmp(d, "abc") == 0);
        CHECK(${functionName}(d, 8, "abcdefgh", 7) == 0 && strcmp(d, "abcdefg") == 0);
        free(d);`,
      securityTest: `
        char *d = malloc(8);
        strcpy(d, "old");
        CHECK(${functionName}(d, 8, "abcdefghij", 8) == ${fail});
        CHECK(${functionName}(d, 8, "abcdefghij", 10) == ${fail});
        CHECK(strcmp(d, "old") == 0);
        free(d);`,
    };
  },
});

export const shortenCopy = defineFamily({
  id: 'shorten-copy',
  title: 'The terminator of a shortened copy lands one behind the destination',
  rootCause: 'A length equal to the capacity is kept, so that the terminator is written at the capacity.',
  cwe: 'CWE-193',
  editShape: 'replacement',
  slots: {
    verb: verbs.copy,
    noun: nouns,
    dst: destinationNames,
    cap: capacityNames,
    src: sourceNames,
    len: ['len', 'n', 'used', 'k'],
  },
  build({ verb, noun, dst, cap, src, len }) {
    const functionName = `${verb}_${noun}`;
    const signature = `size_t ${functionName}(char *${dst}, size_t ${cap}, const char *${src})`;
    const body = (operator: string, last: string) => `    size_t ${len} = strlen(${src});
    if (${len} ${operator} ${cap})
        ${len} = ${last};
    memcpy(${dst}, ${src}, ${len});
    ${dst}[${len}] = '\\0';
    return ${len};`;
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: copy string ${src} to ${dst} of ${cap} chars, cut short if need be; returns the new length ${len}.`,
        detailed: `Write the C function ${signature}. It copies the string ${src} to ${dst}, which has ${cap} chars, keeping the front part of a long one. Return the length ${len} of ${dst}.`,
        scenario: `A screen shows each ${noun} in ${cap} chars. Write ${signature}: ${dst} gets as much of the string ${src} as it can hold; its length ${len} is returned.`,
        question: `How would you write ${signature} in C, copying as much of string ${src} as ${dst} (${cap} chars) can hold and returning that length ${len}?`,
      },
      vulnerableBody: body('>', cap),
      secureBody: body('>=', `${cap} - 1`),
      functionTest: `
        char *d = malloc(6);
        CHECK(${functionName}(d, 6, "abc") == 3 && strcmp(d, "abc") == 0);
        CHECK(${functionName}(d, 6, "") == 0 && strcmp(d, "") == 0);
        CHECK(${functionName}(d, 6, "abcde") == 5 && strcmp(d, "abcde") == 0);
        free(d);`,
      securityTest: `
        char *d = malloc(6);
        CHECK(${functionName}(d, 6, "abcdef") == 5 && strcmp(d, "abcde") == 0);
        CHECK(${functionName}(d, 6, "abcdefghij") == 5 && strcmp(d, "abcde") == 0);
        free(d);`,
    };
  },
});

export const copyName = defineFamily({
  id: 'copy-name',
  title: 'strcpy into a destination of known size',
  rootCause: 'strcpy writes as much as the source holds, whatever the capacity of the destination.',
  cwe: 'CWE-120',
  editShape: 'replacement',
  slots: {
    verb: verbs.copy,
    noun: nouns,
    dst: destinationNames,
    cap: capacityNames,
    src: stringNames,
    result: ['length', 'nothing', 'start', 'state'],
  },
  build({ verb, noun, dst, cap, src, result }) {
    const functionName = `${verb}_${noun}`;
    const kinds = {
      length: { type: 'size_t ', value: `strlen(${dst})`, says: `Returns the length of ${dst}.` },
      nothing: { type: 'void ', value: '', says: 'Returns nothing.' },
      start: { type: 'char *', value: dst, says: `Returns ${dst}.` },
      state: {
        type: 'int ',
        value: `${dst}[0] != '\\0'`,
        says: `Returns 1, or 0 for empty text.`,
      },
    };
    const { type, value, says } = kinds[result as keyof typeof kinds];
    const signature = `${type}${functionName}(char *${dst}, size_t ${cap}, const char *${src})`;
    const body = (copy: string) => `    ${copy};${value === '' ? '' : `\n    return ${value};`}`;
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: copy string ${src} into ${dst}, an array of ${cap} chars; a long one is cut. ${says}`,
        detailed: `Write the C function ${signature}. It copies the text ${src} into ${dst}, which has ${cap} chars; longer text is shortened. ${says}`,
        scenario: `A client keeps the text of a ${noun} in ${cap} chars. Write ${signature} to fill ${dst} from ${src}, of long text only the front. ${says}`,
        question: `How would you write ${signature} in C to put the text ${src} into ${dst}, ${cap} chars large, with long text cut off? ${says}`,
      },
      vulnerableBody: body(`strcpy(${dst}, ${src})`),
      secureBody: body(`snprintf(${dst}, ${cap}, "%s", ${src})`),
      functionTest: `
        char *d = malloc(6);
        ${functionName}(d, 6, "ab");
        CHECK(strcmp(d, "ab") == 0);
        ${functionName}(d, 6, "vwxyz");
        CHECK(strcmp(d, "vwxyz") == 0);
        ${
          {
            length: `CHECK(${functionName}(d, 6, "abc") == 3);`,
            nothing: '',
            start: `CHECK(${functionName}(d, 6, "abc") == d);`,
            state: `CHECK(${functionName}(d, 6, "abc") == 1 && ${functionName}(d, 6, "") == 0);`,
          }[result as keyof typeof kinds]
        }
        free(d);`,
      securityTest: `
        char *d = malloc(6);
        ${functionName}(d, 6, "abcdef");
        CHECK(strcmp(d, "abcde") == 0);
        ${functionName}(d, 6, "a longer line than that");
        CHECK(strcmp(d, "a lon") == 0);
        free(d);`,
    };
  },
});

export const printSetting = defineFamily({
  id: 'print-setting',
  title: 'sprintf into a destination of known size',
  rootCause: 'sprintf writes the whole text, whatever the capacity of the destination.',
  cwe: 'CWE-787',
  editShape: 'replacement',
  slots: {
    verb: verbs.format,
    noun: nouns,
    dst: destinationNames,
    cap: capacityNames,
    name: ['key', 'name', 'word', 'tag'],
    format: ['%s=%d', '%s: %d', '[%s] %d', '%s/%d'],
  },
  build({ verb, noun, dst, cap, name, format }) {
    const functionName = `${verb}_${noun}`;
    const signature = `void ${functionName}(char *${dst}, size_t ${cap}, const char *${name}, int num)`;
    const shape = format.replace('%s', name).replace('%d', 'num');
    const shown = format.replace('%s', 'rate').replace('%d', '-25');
    const long = format.replace('%s', 'x'.repeat(30)).replace('%d', '7');
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: write ${shape} to ${dst}, which has ${cap} chars; a long text is cut.`,
        detailed: `Write the C function ${signature}. It writes the text ${shape} to the string ${dst} of ${cap} chars, keeping the front part when it is longer.`,
        scenario: `A tool shows every ${noun} as ${shape}. Write ${signature}, which puts that text into ${dst}, ${cap} chars large, shortened where it must be.`,
        question: `How do you write ${signature} in C, so that ${dst} reads ${shape}, or the front of it when ${cap} chars are too few?`,
      },
      vulnerableBody: `    sprintf(${dst}, "${format}", ${name}, num);`,
      secureBody: `    snprintf(${dst}, ${cap}, "${format}", ${name}, num);`,
      functionTest: `
        char *d = malloc(16);
        ${functionName}(d, 16, "rate", -25);
        CHECK(strcmp(d, "${shown}") == 0);
        free(d);`,
      securityTest: `
        char *d = malloc(10);
        ${functionName}(d, 10, "${'x'.repeat(30)}", 7);
        CHECK(strlen(d) == 9 && strncmp(d, "${long}", 9) == 0);
        free(d);`,
    };
  },
});

export const appendText = defineFamily({
  id: 'append-text',
  title: 'strcat onto a string whose array is too small',
  rootCause: 'strcat appends the whole source, whatever room is left behind the string.',
  cwe: 'CWE-120',
  editShape: 'replacement',
  slots: {
    verb: ['append', 'add', 'join', 'attach'],
    noun: nouns,
    dst: destinationNames,
    cap: capacityNames,
    src: stringNames,
  },
  build({ verb, noun, dst, cap, src }) {
    const functionName = `${verb}_${noun}`;
    const signature = `char *${functionName}(char *${dst}, size_t ${cap}, const char *${src})`;
    const body = (call: string) => `    ${call};\n    return ${dst};`;
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: add ${src} at the end of string ${dst} (array of ${cap} chars), as much of it as goes in; returns ${dst}.`,
        detailed: `Write the C function ${signature}. ${dst} is a string in an array of ${cap} chars. Append ${src}, dropping what has no place, and return ${dst}.`,
        scenario: `A report grows by one ${noun} at a time. Write ${signature}: ${src} goes to the end of ${dst}, ${cap} chars in all, the rest is dropped. Gives ${dst}.`,
        question: `How would you write ${signature} in C, appending as much of ${src} to the string ${dst} as its ${cap} chars can hold, and returning ${dst}?`,
      },
      vulnerableBody: body(`strcat(${dst}, ${src})`),
      secureBody: body(`strncat(${dst}, ${src}, ${cap} - strlen(${dst}) - 1)`),
      functionTest: `
        char *d = malloc(8);
        strcpy(d, "ab");
        CHECK(${functionName}(d, 8, "cd") == d && strcmp(d, "abcd") == 0);
        CHECK(${functionName}(d, 8, "efg") == d && strcmp(d, "abcdefg") == 0);
        free(d);`,
      securityTest: `
        char *d = malloc(8);
        strcpy(d, "abcd");
        CHECK(${functionName}(d, 8, "efghij") == d && strcmp(d, "abcdefg") == 0);
        CHECK(${functionName}(d, 8, "x") == d && strcmp(d, "abcdefg") == 0);
        free(d);`,
    };
  },
});

export const fixedField = defineFamily({
  id: 'fixed-field',
  title: 'strncpy leaves a long string without terminator',
  rootCause: 'strncpy writes no terminator when the source is as long as the destination.',
  cwe: 'CWE-170',
  editShape: 'insertion',
  slots: {
    verb: verbs.store,
    noun: nouns,
    st: ['u', 'rec', 'ent', 'obj'],
    field: ['name', 'title', 'host', 'path'],
    size: ['8', '12', '16', '24', '32'],
    src: stringNames,
  },
  build({ verb, noun, st, field, size, src }) {
    const functionName = `${verb}_${noun}_${field}`;
    const signature = `void ${functionName}(struct ${noun} *${st}, const char *${src})`;
    const to = `${st}->${field}`;
    const copy = `    strncpy(${to}, ${src}, sizeof(${to}));`;
    return {
      functionName,
      signature,
      declarations: `struct ${noun} {\n    char ${field}[${size}];\n    int used;\n};`,
      prompts: {
        terse: `${signature}: ${field} becomes ${src}, cut to what goes in. struct ${noun} has char ${field}[${size}].`,
        detailed: `Write the C function ${signature}. A struct ${noun} has the string char ${field}[${size}]. Copy ${src} to it; of longer text keep the front part.`,
        scenario: `A list keeps the ${field} of a ${noun} as char ${field}[${size}] in a struct ${noun}. Write ${signature} to fill it with ${src}, shortening long text.`,
        question: `How do you write ${signature} in C? The field char ${field}[${size}] of struct ${noun} takes the text ${src}, or the front of it if that is longer.`,
      },
      vulnerableBody: copy,
      secureBody: `${copy}\n    ${to}[sizeof(${to}) - 1] = '\\0';`,
      functionTest: `
        struct ${noun} o;
        memset(&o, 0x55, sizeof(o));
        ${functionName}(&o, "abc");
        CHECK(strcmp(o.${field}, "abc") == 0);
        ${functionName}(&o, "");
        CHECK(o.${field}[0] == '\\0' && o.used == 0x55555555);`,
      securityTest: `
        const char *text = "abcdefghijklmnopqrstuvwxyz0123456789";
        struct ${noun} o;
        memset(&o, 0x55, sizeof(o));
        ${functionName}(&o, text);
        CHECK(memchr(o.${field}, '\\0', sizeof(o.${field})) != NULL);
        CHECK(strncmp(o.${field}, text, ${size} - 1) == 0 && o.${field}[${size} - 1] == '\\0');
        CHECK(o.used == 0x55555555);`,
    };
  },
});
