import { defineFamily, returnWhen } from '../define-family.js';
import {
  destinationNames,
  elementTypes,
  failureValues,
  nouns,
  sizes,
  stateNames,
  stringNames,
  verbs,
} from '../vocabulary.js';

export const stackPush = defineFamily({
  id: 'stack-push',
  title: 'A full stack takes another element',
  rootCause: 'The number of elements is not compared with the capacity before the write.',
  cwe: 'CWE-787',
  editShape: 'insertion',
  slots: {
    verb: verbs.push,
    noun: nouns,
    type: elementTypes,
    st: stateNames,
    field: ['used', 'num', 'top', 'fill'],
    fail: failureValues,
  },
  build({ verb, noun, type, st, field, fail }) {
    const functionName = `${verb}_${noun}`;
    const signature = `int ${functionName}(struct stack *${st}, ${type} val)`;
    const body = (guard: string) => `${guard}    ${st}->items[${st}->${field}++] = val;\n    return 0;`;
    return {
      functionName,
      signature,
      declarations: `struct stack {\n    ${type} *items;\n    size_t ${field};\n    size_t cap;\n};`,
      prompts: {
        terse: `${signature}: val becomes the last of the items. struct stack: items, their number ${field}, room for cap. 0 if added, else ${fail}.`,
        detailed: `Write the C function ${signature}. A struct stack has items, ${field} (how many) and cap (the most). Add val behind the others: 0, or ${fail} if it is not added.`,
        scenario: `Work is kept in a struct stack (items, ${field} in use, cap places). Write ${signature} to add a ${noun} val at the end: 0 if added, ${fail} if not.`,
        question: `How would you write ${signature} in C? struct stack has items, ${field} of cap places taken. val goes on top, result 0, or stays out, result ${fail}.`,
      },
      vulnerableBody: body(''),
      secureBody: body(returnWhen(`${st}->${field} >= ${st}->cap`, fail)),
      functionTest: `
        struct stack k = {calloc(2, sizeof(${type})), 0, 2};
        CHECK(${functionName}(&k, 5) == 0 && k.items[0] == 5 && k.${field} == 1);
        CHECK(${functionName}(&k, 6) == 0 && k.items[1] == 6 && k.${field} == 2);
        free(k.items);`,
      securityTest: `
        struct stack k = {calloc(2, sizeof(${type})), 2, 2};
        CHECK(${functionName}(&k, 7) == ${fail} && k.${field} == 2);
        CHECK(k.items[0] == 0 && k.items[1] == 0);
        free(k.items);`,
    };
  },
});

export const stackPop = defineFamily({
  id: 'stack-pop',
  title: 'An element is taken from an empty stack',
  rootCause: 'The number of elements is lowered below zero and the read lands in front of the array.',
  cwe: 'CWE-127',
  editShape: 'insertion',
  slots: {
    verb: verbs.pop,
    noun: nouns,
    type: elementTypes,
    st: stateNames,
    field: ['used', 'num', 'top', 'fill'],
    fail: failureValues,
  },
  build({ verb, noun, type, st, field, fail }) {
    const functionName = `${verb}_${noun}`;
    const signature = `int ${functionName}(struct stack *${st}, ${type} *res)`;
    const body = (guard: string) => `${guard}    *res = ${st}->items[--${st}->${field}];\n    return 0;`;
    return {
      functionName,
      signature,
      declarations: `struct stack {\n    ${type} *items;\n    int ${field};\n};`,
      prompts: {
        terse: `${signature}: take the last of the items into *res. struct stack: items, their number ${field}. 0 if taken, ${fail} if not.`,
        detailed: `Write the C function ${signature}. A struct stack has items and ${field}, how many there are. Move the last one to *res and return 0, or ${fail} if there is none.`,
        scenario: `Work waits in a struct stack (items, ${field} of them). Write ${signature} to take the newest ${noun} off into *res: 0 when taken, ${fail} when not.`,
        question: `How do you write ${signature} in C, taking the last of ${field} items off a struct stack into *res? Result 0, or ${fail} if nothing was taken.`,
      },
      vulnerableBody: body(''),
      secureBody: body(returnWhen(`${st}->${field} == 0`, fail)),
      functionTest: `
        struct stack k = {calloc(3, sizeof(${type})), 2};
        ${type} r = 0;
        k.items[0] = 4;
        k.items[1] = 5;
        CHECK(${functionName}(&k, &r) == 0 && r == 5 && k.${field} == 1);
        CHECK(${functionName}(&k, &r) == 0 && r == 4 && k.${field} == 0);
        free(k.items);`,
      securityTest: `
        struct stack k = {calloc(3, sizeof(${type})), 0};
        ${type} r = 9;
        CHECK(${functionName}(&k, &r) == ${fail} && k.${field} == 0 && r == 9);
        free(k.items);`,
    };
  },
});

export const trimEnd = defineFamily({
  id: 'trim-end',
  title: 'The loop that trims a string runs past its front',
  rootCause: 'The loop does not stop at the first character, so that it reads in front of the string.',
  cwe: 'CWE-127',
  editShape: 'insertion',
  slots: {
    verb: verbs.clean,
    noun: nouns,
    str: stringNames,
    mark: ["' '", "'\\n'", "'.'", "'-'"],
    n: ['n', 'len', 'end', 'k'],
    loop: ['while', 'zero', 'for'],
  },
  build({ verb, noun, str, mark, n, loop }) {
    const functionName = `${verb}_${noun}`;
    const signature = `size_t ${functionName}(char *${str})`;
    const what = { "' '": 'blanks', "'\\n'": 'newlines', "'.'": 'dots', "'-'": 'dashes' }[mark]!;
    const char = mark.slice(1, -1);
    const start = `    size_t ${n} = strlen(${str});\n`;
    const body = (guard: string) =>
      start +
      {
        while: `    while (${guard}${str}[${n} - 1] == ${mark})\n        ${n}--;\n    ${str}[${n}] = '\\0';`,
        zero: `    while (${guard}${str}[${n} - 1] == ${mark})\n        ${str}[--${n}] = '\\0';`,
        for: `    for (; ${guard}${str}[${n} - 1] == ${mark}; ${n}--)\n        ${str}[${n} - 1] = '\\0';`,
      }[loop] +
      `\n    return ${n};`;
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: remove the ${what} at the end of ${str}, return the new length ${n}.`,
        detailed: `Write the C function ${signature}. It cuts all ${what} off the end of the string ${str}, in place, and returns the length ${n} that is left, which may be 0.`,
        scenario: `A config line for a ${noun} may end in ${what}. Write ${signature}, which takes them off the string ${str} and gives its new length ${n}.`,
        question: `How would you write ${signature} in C so that the string ${str} loses the ${what} at its end and its length ${n} comes back?`,
      },
      vulnerableBody: body(''),
      secureBody: body(`${n} > 0 && `),
      functionTest: `
        char s[16] = "ab${char}${char}";
        CHECK(${functionName}(s) == 2 && strcmp(s, "ab") == 0);
        strcpy(s, "a${char}b");
        CHECK(${functionName}(s) == 3 && strcmp(s, "a${char}b") == 0);`,
      securityTest: `
        char *s = malloc(3);
        strcpy(s, "");
        CHECK(${functionName}(s) == 0 && s[0] == '\\0');
        strcpy(s, "${char}${char}");
        CHECK(${functionName}(s) == 0 && s[0] == '\\0');
        free(s);`,
    };
  },
});

export const charTally = defineFamily({
  id: 'char-tally',
  title: 'A character that may be negative indexes an array of counters',
  rootCause: 'A char above 127 is negative, so that the write lands in front of the counters.',
  cwe: 'CWE-124',
  editShape: 'insertion',
  slots: {
    verb: verbs.count,
    noun: nouns,
    type: ['int', 'uint32_t', 'long', 'size_t'],
    str: stringNames,
    bins: ['bins', 'freq', 'seen', 'hits'],
    loop: ['while', 'for', 'index'],
  },
  build({ verb, noun, type, str, bins, loop }) {
    const functionName = `${verb}_${noun}_chars`;
    const signature = `void ${functionName}(${type} ${bins}[256], const signed char *${str})`;
    const body = (cast: string) =>
      ({
        while: `    while (*${str} != 0)\n        ${bins}[${cast}*${str}++]++;`,
        for: `    for (; *${str} != 0; ${str}++)\n        ${bins}[${cast}*${str}]++;`,
        index: `    for (size_t i = 0; ${str}[i] != 0; i++)\n        ${bins}[${cast}${str}[i]]++;`,
      })[loop]!;
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: count each of the 256 chars in string ${str}, one entry of ${bins} per char.`,
        detailed: `Write the C function ${signature}. For every char of the zero-ended ${str}, its entry among the 256 in ${bins} grows by one; accents count too.`,
        scenario: `A tool counts the chars of a ${noun} in any language. Write ${signature}: ${bins} has a counter for each of 256 chars, ${str} is the text.`,
        question: `How do you write ${signature} in C so that ${bins} tells how often each of the 256 chars is in the zero-ended text ${str}?`,
      },
      vulnerableBody: body(''),
      secureBody: body('(unsigned char)'),
      functionTest: `
        ${type} *c = calloc(256, sizeof(*c));
        ${functionName}(c, (const signed char *)"abca");
        CHECK(c['a'] == 2 && c['b'] == 1 && c['c'] == 1 && c[0] == 0);
        free(c);`,
      securityTest: `
        ${type} *c = calloc(256, sizeof(*c));
        ${functionName}(c, (const signed char *)"\\xff\\xfe\\xff");
        CHECK(c[255] == 2 && c[254] == 1);
        free(c);`,
    };
  },
});

export const growBuffer = defineFamily({
  id: 'grow-buffer',
  title: 'A buffer grows once, although the new part may need more',
  rootCause: 'The capacity is doubled once, which is too little for a part longer than that.',
  cwe: 'CWE-122',
  editShape: 'replacement',
  slots: {
    verb: verbs.push,
    noun: nouns,
    st: stateNames,
    fields: ['data len cap', 'mem used size', 'bytes fill room', 'text end max'],
    factor: ['2', '3', '4'],
    src: ['src', 'in', 'more', 'part'],
  },
  build({ verb, noun, st, fields, factor, src }) {
    const functionName = `${verb}_${noun}`;
    const [data, len, cap] = fields.split(' ') as [string, string, string];
    const signature = `void ${functionName}(struct buffer *${st}, const char *${src}, size_t n)`;
    const body = (keyword: string) => `    ${keyword} (${st}->${len} + n > ${st}->${cap}) {
        ${st}->${cap} *= ${factor};
        ${st}->${data} = realloc(${st}->${data}, ${st}->${cap});
    }
    memcpy(${st}->${data} + ${st}->${len}, ${src}, n);
    ${st}->${len} += n;`;
    return {
      functionName,
      signature,
      declarations: `struct buffer {\n    char *${data};\n    size_t ${len};\n    size_t ${cap};\n};`,
      prompts: {
        terse: `${signature}: append n bytes of ${src}. struct buffer: ${data}, ${len} in use, ${cap} allocated, which grows by times ${factor}.`,
        detailed: `Write the C function ${signature}. It adds n bytes of ${src} to ${data} behind the ${len} in use; ${cap}, the size of ${data}, grows ${factor}-fold as needed.`,
        scenario: `A ${noun} is collected in a struct buffer: ${data}, ${len} used, ${cap} allocated. Write ${signature} to add n bytes of ${src}, growing ${cap} times ${factor}.`,
        question: `How would you write ${signature} in C? struct buffer has ${data}, ${len} (used), ${cap} (size, grows times ${factor}); n bytes of ${src} go to the end.`,
      },
      vulnerableBody: body('if'),
      secureBody: body('while'),
      functionTest: `
        struct buffer b = {malloc(4), 0, 4};
        ${functionName}(&b, "abc", 3);
        ${functionName}(&b, "def", 3);
        CHECK(b.${len} == 6 && b.${cap} == 4 * ${factor} && memcmp(b.${data}, "abcdef", 6) == 0);
        struct buffer full = {malloc(4), 1, 4};
        ${functionName}(&full, "xyz", 3);
        CHECK(full.${len} == 4 && full.${cap} == 4 && full.${data}[3] == 'z');
        free(full.${data});
        free(b.${data});`,
      securityTest: `
        char part[100];
        struct buffer b = {malloc(4), 0, 4};
        memset(part, 'x', 100);
        ${functionName}(&b, "ab", 2);
        ${functionName}(&b, part, 100);
        CHECK(b.${len} == 102 && b.${cap} >= 102 && b.${data}[1] == 'b' && b.${data}[101] == 'x');
        free(b.${data});`,
    };
  },
});

export const parseDigits = defineFamily({
  id: 'parse-digits',
  title: 'Input of any length is copied to a small local array',
  rootCause: 'The length is not compared with the size of the local array that takes the digits.',
  cwe: 'CWE-121',
  editShape: 'insertion',
  slots: {
    verb: verbs.parse,
    noun: nouns,
    size: sizes,
    src: ['src', 'in', 'data', 'input'],
    len: ['len', 'n', 'count', 'width'],
    fail: ['-1', '-2', '-3', '0'],
  },
  build({ verb, noun, size, src, len, fail }) {
    const functionName = `${verb}_${noun}`;
    const signature = `long ${functionName}(const char *${src}, size_t ${len})`;
    const body = (guard: string) => `    char tmp[${size}];
${guard}    memcpy(tmp, ${src}, ${len});
    tmp[${len}] = '\\0';
    return strtol(tmp, NULL, 10);`;
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: decimal number in the ${len} chars of ${src}, which has no zero at its end; use a local array of ${size}. ${fail} if it is longer.`,
        detailed: `Write the C function ${signature}. ${src} has ${len} chars of decimal digits and no end mark. Return the number; ${fail} if tmp, ${size} chars, is too small.`,
        scenario: `A ${noun} has a number in ${len} digits at ${src}. Write ${signature}: copy it to a local string of ${size} chars, return its value, ${fail} for longer ones.`,
        question: `How do you write ${signature} in C for a number in ${len} chars at ${src}, using a char array of ${size}? Texts that do not go in give ${fail}.`,
      },
      vulnerableBody: body(''),
      secureBody: body(returnWhen(`${len} >= sizeof(tmp)`, fail)),
      functionTest: `
        CHECK(${functionName}("1234567", 4) == 1234);
        CHECK(${functionName}("-72,", 3) == -72);
        CHECK(${functionName}("0000005", 7) == 5);`,
      securityTest: `
        char *s = malloc(200);
        memset(s, '1', 200);
        CHECK(${functionName}(s, ${size}) == ${fail});
        CHECK(${functionName}(s, 200) == ${fail});
        free(s);`,
    };
  },
});

export const readWord = defineFamily({
  id: 'read-word',
  title: 'sscanf with %s into an array of fixed size',
  rootCause: 'Without a width, %s writes as many characters as the word has.',
  cwe: 'CWE-121',
  editShape: 'replacement',
  slots: {
    verb: verbs.load,
    noun: nouns,
    dst: destinationNames,
    size: sizes,
    src: stringNames,
    fail: failureValues,
  },
  build({ verb, noun, dst, size, src, fail }) {
    const functionName = `${verb}_${noun}_word`;
    const signature = `int ${functionName}(char ${dst}[${size}], const char *${src})`;
    const body = (format: string) =>
      `${returnWhen(`sscanf(${src}, "${format}", ${dst}) != 1`, fail)}    return 0;`;
    const most = Number(size) - 1;
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: first word of ${src} to ${dst}, at most ${most} chars of it. 0 if there is a word, else ${fail}.`,
        detailed: `Write the C function ${signature}. It scans the first word of ${src} into ${dst}, up to ${most} chars, and returns 0; if ${src} is blank, ${fail}.`,
        scenario: `Each line starts with the word of a ${noun}. Write ${signature}, scanning that word of ${src} into ${dst} (${most} chars and the zero). 0, or ${fail} if none.`,
        question: `How would you write ${signature} in C with a scan call, so that ${dst} is the first word of ${src}, ${most} chars at most? 0, or ${fail} for no word.`,
      },
      vulnerableBody: body('%s'),
      secureBody: body(`%${most}s`),
      functionTest: `
        char *d = calloc(${size}, 1);
        CHECK(${functionName}(d, "  abc def") == 0 && strcmp(d, "abc") == 0);
        CHECK(${functionName}(d, "  ") == ${fail});
        free(d);`,
      securityTest: `
        char *d = calloc(${size}, 1);
        char text[201];
        memset(text, 'x', 200);
        text[200] = '\\0';
        CHECK(${functionName}(d, text) == 0 && strlen(d) == ${most});
        free(d);`,
    };
  },
});
