import { defineFamily, returnWhen } from '../define-family.js';
import {
  capacityNames,
  destinationNames,
  failureValues,
  lengthNames,
  nouns,
  signedTypes,
  sourceNames,
  stringNames,
  verbs,
} from '../vocabulary.js';

export const signedLength = defineFamily({
  id: 'signed-length',
  title: 'A negative length passes the comparison with the capacity',
  rootCause: 'The signed length is below the capacity when negative and becomes huge as a size.',
  cwe: 'CWE-195',
  editShape: 'insertion',
  slots: {
    verb: verbs.copy,
    noun: nouns,
    type: signedTypes,
    dst: destinationNames,
    len: lengthNames,
    fail: failureValues,
  },
  build({ verb, noun, type, dst, len, fail }) {
    const functionName = `${verb}_${noun}`;
    const signature = `int ${functionName}(uint8_t *${dst}, ${type} cap, const uint8_t *src, ${type} ${len})`;
    const body = (low: string) =>
      `${returnWhen(`${low}${len} > cap`, fail)}    memcpy(${dst}, src, (size_t)${len});\n    return 0;`;
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: copy ${len} bytes of src to ${dst}, cap bytes large. 0 when copied, ${fail} when not.`,
        detailed: `Write the C function ${signature}. Copy ${len} bytes from src to ${dst}, which takes cap bytes. The result is 0, or ${fail} when nothing is copied.`,
        scenario: `A ${noun} comes with its length. Write ${signature}: ${len} bytes of src go to the cap bytes of ${dst}, result 0; or none go, result ${fail}.`,
        question: `How would you write ${signature} in C? ${len} bytes of src land in ${dst} (cap bytes) and it gives 0, or nothing lands and it gives ${fail}.`,
      },
      vulnerableBody: body(''),
      secureBody: body(`${len} < 0 || `),
      functionTest: `
        const uint8_t bytes[6] = {1, 2, 3, 4, 5, 6};
        uint8_t *d = calloc(4, 1);
        CHECK(${functionName}(d, 4, bytes, 0) == 0 && d[0] == 0);
        CHECK(${functionName}(d, 4, bytes, 2) == 0 && d[1] == 2 && d[2] == 0);
        CHECK(${functionName}(d, 4, bytes, 4) == 0 && d[3] == 4);
        CHECK(${functionName}(d, 4, bytes, 5) == ${fail});
        free(d);`,
      securityTest: `
        const uint8_t bytes[6] = {1, 2, 3, 4, 5, 6};
        uint8_t *d = calloc(4, 1);
        volatile ${type} below = -1;
        CHECK(${functionName}(d, 4, bytes, below) == ${fail});
        CHECK(${functionName}(d, 4, bytes, below * 100) == ${fail} && d[0] == 0);
        free(d);`,
    };
  },
});

export const narrowLength = defineFamily({
  id: 'narrow-length',
  title: 'The length of a string is kept in a type that is too narrow',
  rootCause: 'The length wraps around in the narrow type, so that the comparison sees a small number.',
  cwe: 'CWE-681',
  editShape: 'replacement',
  slots: {
    verb: verbs.copy,
    noun: nouns,
    narrow: ['uint8_t', 'unsigned char', 'uint16_t', 'unsigned short'],
    dst: destinationNames,
    src: stringNames,
    fail: failureValues,
  },
  build({ verb, noun, narrow, dst, src, fail }) {
    const functionName = `${verb}_${noun}`;
    const signature = `int ${functionName}(char *${dst}, size_t cap, const char *${src})`;
    const body = (type: string) => `    ${type} len = strlen(${src});
${returnWhen('len >= cap', fail)}    memcpy(${dst}, ${src}, strlen(${src}) + 1);
    return 0;`;
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: copy the string ${src} to ${dst} of cap chars. 0 if copied, ${fail} if it is too long.`,
        detailed: `Write the C function ${signature}. It copies the string ${src} to ${dst}, which has cap chars, and returns 0; text too long for it is not copied, ${fail}.`,
        scenario: `A server keeps the text of a ${noun}. Write ${signature}: ${dst} (cap chars) takes all of the string ${src}, result 0, or nothing, result ${fail}.`,
        question: `How do you write ${signature} in C so that ${dst}, cap chars, gets a copy of the string ${src}? Result 0; ${fail} for text that is too long.`,
      },
      vulnerableBody: body(narrow),
      secureBody: body('size_t'),
      functionTest: `
        char *d = malloc(8);
        CHECK(${functionName}(d, 8, "abc") == 0 && strcmp(d, "abc") == 0);
        CHECK(${functionName}(d, 8, "abcdefg") == 0 && strcmp(d, "abcdefg") == 0);
        CHECK(${functionName}(d, 8, "abcdefgh") == ${fail});
        free(d);`,
      securityTest: `
        char *d = malloc(8);
        char *s = malloc(65540);
        strcpy(d, "old");
        memset(s, 'a', 65539);
        s[65539] = '\\0';
        CHECK(${functionName}(d, 8, s) == ${fail} && strcmp(d, "old") == 0);
        free(s);
        free(d);`,
    };
  },
});

export const joinParts = defineFamily({
  id: 'join-parts',
  title: 'The size of an allocation wraps around in a narrow type',
  rootCause: 'The sum of the two lengths is kept in 16 bits, so that too little is allocated.',
  cwe: 'CWE-680',
  editShape: 'replacement',
  slots: {
    verb: ['join', 'merge', 'link', 'concat'],
    noun: nouns,
    narrow: ['uint16_t', 'unsigned short', 'short', 'int16_t'],
    lengths: ['n, m', 'na, nb', 'k, j', 'c, d'],
    parts: ['a, b', 'head, tail', 'left, right', 'old, add'],
    sum: ['sum', 'total', 'all', 'need'],
  },
  build({ verb, noun, narrow, lengths, parts, sum }) {
    const functionName = `${verb}_${noun}`;
    const [a, b] = parts.split(', ') as [string, string];
    const [n, m] = lengths.split(', ') as [string, string];
    const signature = `uint8_t *${functionName}(const uint8_t *${a}, uint16_t ${n}, const uint8_t *${b}, uint16_t ${m})`;
    const body = (type: string) => `    ${type} ${sum} = ${n} + ${m};
    uint8_t *res = malloc(${sum});
    if (res == NULL)
        return NULL;
    memcpy(res, ${a}, ${n});
    memcpy(res + ${n}, ${b}, ${m});
    return res;`;
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: new memory with the ${n} bytes of ${a}, then the ${m} bytes of ${b}; NULL when there is no memory.`,
        detailed: `Write the C function ${signature}. It returns fresh memory that holds ${n} bytes of ${a} and behind them ${m} bytes of ${b}, or NULL without memory.`,
        scenario: `A ${noun} comes in two pieces. Write ${signature}: allocate one piece of ${n} bytes of ${a}, ${m} bytes of ${b}. NULL if that fails.`,
        question: `How would you write ${signature} in C, putting ${n} bytes of ${a} and ${m} of ${b} into one new allocation (NULL if there is none)?`,
      },
      vulnerableBody: body(narrow),
      secureBody: body('size_t'),
      functionTest: `
        const uint8_t x[3] = {1, 2, 3};
        const uint8_t y[2] = {8, 9};
        uint8_t *r = ${functionName}(x, 3, y, 2);
        CHECK(r != NULL && r[0] == 1 && r[2] == 3 && r[3] == 8 && r[4] == 9);
        free(r);`,
      securityTest: `
        uint8_t *x = malloc(65000);
        uint8_t *y = malloc(1000);
        memset(x, 1, 65000);
        memset(y, 2, 1000);
        uint8_t *r = ${functionName}(x, 65000, y, 1000);
        CHECK(r != NULL && r[0] == 1 && r[64999] == 1 && r[65000] == 2 && r[65999] == 2);
        free(r);
        free(y);
        free(x);`,
    };
  },
});

export const makeTable = defineFamily({
  id: 'make-table',
  title: 'The size of an array wraps around before it is allocated',
  rootCause: 'The number of elements times their size wraps around, so that too little is allocated.',
  cwe: 'CWE-680',
  editShape: 'insertion',
  slots: {
    verb: verbs.make,
    noun: nouns,
    type: ['int', 'uint16_t', 'uint32_t', 'long', 'double'],
    len: lengthNames,
    local: ['tmp', 'p', 'res', 'mem'],
    first: ['0', '1', '7', '9'],
  },
  build({ verb, noun, type, len, local, first }) {
    const functionName = `${verb}_${noun}`;
    const signature = `${type} *${functionName}(size_t ${len})`;
    const body = (guard: string) => `${guard}    ${type} *${local} = malloc(${len} * sizeof(${type}));
    if (${local} != NULL && ${len} > 0)
        ${local}[${len} - 1] = ${first};
    return ${local};`;
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: new array of ${len} numbers, the last one ${first}; NULL when it cannot be had.`,
        detailed: `Write the C function ${signature}. It allocates an array of ${len} elements, makes the last element ${first} and returns it, or NULL if there is no such array.`,
        scenario: `A loader needs a table for each ${noun}. Write ${signature}: allocate ${len} numbers, the last set to ${first}; give NULL if they cannot be had.`,
        question: `How do you write ${signature} in C so that it returns a new array of ${len} numbers ending in ${first}, or NULL when that is not possible?`,
      },
      vulnerableBody: body(''),
      secureBody: body(returnWhen(`${len} > SIZE_MAX / sizeof(${type})`, 'NULL')),
      functionTest: `
        ${type} *a = ${functionName}(4);
        CHECK(a != NULL && a[3] == ${first});
        a[0] = 1;
        free(a);
        free(${functionName}(0));`,
      securityTest: `
        volatile size_t huge = SIZE_MAX / sizeof(${type}) + 3;
        CHECK(${functionName}(huge) == NULL);`,
    };
  },
});

export const dropHeader = defineFamily({
  id: 'drop-header',
  title: 'The header is subtracted from a packet that is shorter than it',
  rootCause: 'The unsigned length of the rest wraps around when the packet is shorter than its header.',
  cwe: 'CWE-191',
  editShape: 'insertion',
  slots: {
    verb: verbs.clean,
    noun: nouns,
    head: ['4', '6', '8', '12', '16'],
    dst: destinationNames,
    src: sourceNames,
    len: lengthNames,
  },
  build({ verb, noun, head, dst, src, len }) {
    const functionName = `${verb}_${noun}`;
    const signature = `size_t ${functionName}(uint8_t *${dst}, const uint8_t *${src}, size_t ${len})`;
    const body = (guard: string) => `${guard}    memcpy(${dst}, ${src} + ${head}, ${len} - ${head});
    return ${len} - ${head};`;
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: copy what follows the ${head}-byte header of ${src} (${len} bytes) to ${dst}; returns how many bytes, 0 when nothing follows.`,
        detailed: `Write the C function ${signature}. ${src} has ${len} bytes, the first ${head} are a header. Copy the others to ${dst}, return their number, 0 if there are none.`,
        scenario: `Every ${noun} begins with ${head} bytes of header. Write ${signature}: the rest of the ${len} bytes in ${src} goes to ${dst}; its size, maybe 0, is returned.`,
        question: `How would you write ${signature} in C to copy the ${len} bytes of ${src} without their ${head}-byte header to ${dst}, giving the number copied or 0?`,
      },
      vulnerableBody: body(''),
      secureBody: body(returnWhen(`${len} < ${head}`, '0')),
      functionTest: `
        uint8_t bytes[20];
        uint8_t *d = calloc(20, 1);
        for (int i = 0; i < 20; i++) bytes[i] = (uint8_t)i;
        CHECK(${functionName}(d, bytes, 18) == 18 - ${head} && d[0] == ${head} && d[17 - ${head}] == 17);
        CHECK(${functionName}(d, bytes, ${head}) == 0);
        free(d);`,
      securityTest: `
        uint8_t *bytes = calloc(3, 1);
        uint8_t *d = calloc(20, 1);
        volatile size_t few = 3;
        CHECK(${functionName}(d, bytes, few) == 0);
        CHECK(${functionName}(d, bytes, 0) == 0);
        free(d);
        free(bytes);`,
    };
  },
});

export const storeSlice = defineFamily({
  id: 'store-slice',
  title: 'The sum of offset and length wraps around before it is compared',
  rootCause: 'Offset plus length wraps around, so that the comparison with the capacity passes.',
  cwe: 'CWE-190',
  editShape: 'replacement',
  slots: {
    verb: verbs.store,
    noun: nouns,
    type: ['uint32_t', 'unsigned int', 'size_t', 'unsigned long'],
    dst: destinationNames,
    cap: capacityNames,
    fail: failureValues,
  },
  build({ verb, noun, type, dst, cap, fail }) {
    const functionName = `${verb}_${noun}`;
    const signature = `int ${functionName}(char *${dst}, ${type} ${cap}, ${type} off, const char *src, ${type} n)`;
    const body = (condition: string) =>
      `${returnWhen(condition, fail)}    memcpy(${dst} + off, src, n);\n    return 0;`;
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: n bytes of src to place off in ${dst} (${cap} bytes). 0 if stored, ${fail} if they do not fit.`,
        detailed: `Write the C function ${signature}. Put n bytes of src at off in ${dst}, ${cap} bytes large. Return 0, or ${fail} when they do not go in.`,
        scenario: `Pieces of a ${noun} come in any order. Write ${signature}: n bytes of src go to off in ${dst} (${cap} bytes). 0, or ${fail} if no place.`,
        question: `How do you write ${signature} in C: n bytes of src at off in the ${cap} bytes of ${dst}, result 0, or ${fail} and nothing stored?`,
      },
      vulnerableBody: body(`off + n > ${cap}`),
      secureBody: body(`off > ${cap} || n > ${cap} - off`),
      functionTest: `
        char *d = calloc(8, 1);
        CHECK(${functionName}(d, 8, 2, "abc", 3) == 0 && memcmp(d, "\\0\\0abc\\0", 6) == 0);
        CHECK(${functionName}(d, 8, 5, "xyz", 3) == 0 && d[7] == 'z');
        CHECK(${functionName}(d, 8, 6, "xyz", 3) == ${fail});
        CHECK(${functionName}(d, 8, 8, "xyz", 0) == 0);
        free(d);`,
      securityTest: `
        char *d = calloc(8, 1);
        volatile ${type} most = (${type})-1;
        CHECK(${functionName}(d, 8, most - 1, "abcd", 4) == ${fail});
        CHECK(${functionName}(d, 8, most, "abcd", 1) == ${fail} && d[0] == 0);
        free(d);`,
    };
  },
});
