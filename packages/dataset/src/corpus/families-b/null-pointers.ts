import { defineFamily } from '../define-family.js';
import { failureValues, stringNames, tableNames, valueNames, verbs } from '../vocabulary.js';

const splitPair = defineFamily({
  id: 'split-pair-at-mark',
  title: 'Search result used without looking whether the mark was found',
  rootCause: 'strchr() returns NULL for a line without the mark, and the result is written through at once.',
  cwe: 'CWE-476',
  editShape: 'insertion',
  slots: {
    verb: verbs.parse,
    noun: ['field', 'record', 'header', 'entry', 'label'],
    line: stringNames,
    value: valueNames,
    mark: ['=', ':', ',', '|'],
    fail: failureValues,
  },
  build: ({ verb, noun, line, value, mark, fail }) => {
    const fn = `${verb}_${noun}`;
    const signature = `int ${fn}(char *${line}, char **${value})`;
    return {
      signature,
      functionName: fn,
      prompts: {
        terse: `${signature}: cut ${line} at the first '${mark}', set *${value} to the rest, give 0, or ${fail} if there is no '${mark}'.`,
        detailed: `Write the C function ${signature}. It ends ${line} at its first '${mark}' and stores the start of what follows in *${value}. It returns 0, or ${fail} without a '${mark}'.`,
        scenario: `A config reader splits lines like name${mark}port in place. Implement ${signature}: the part after '${mark}' goes to *${value}. 0 when done, ${fail} for any other line.`,
        question: `How can ${signature} split ${line} in place at '${mark}' and give the second part in *${value}, with 0 as result, or ${fail} when there is one part only?`,
      },
      vulnerableBody: `
    char *sep = strchr(${line}, '${mark}');
    *sep = '\\0';
    *${value} = sep + 1;
    return 0;`,
      secureBody: `
    char *sep = strchr(${line}, '${mark}');
    if (sep == NULL)
        return ${fail};
    *sep = '\\0';
    *${value} = sep + 1;
    return 0;`,
      functionTest: `
char first[] = "host${mark}8080";
char second[] = "${mark}x";
char *rest = NULL;
CHECK(${fn}(first, &rest) == 0);
CHECK(strcmp(first, "host") == 0 && strcmp(rest, "8080") == 0);
CHECK(${fn}(second, &rest) == 0);
CHECK(second[0] == '\\0' && strcmp(rest, "x") == 0);`,
      securityTest: `
char plain[] = "host";
char empty[] = "";
char *rest = NULL;
CHECK(${fn}(plain, &rest) == ${fail});
CHECK(strcmp(plain, "host") == 0);
CHECK(${fn}(empty, &rest) == ${fail});`,
    };
  },
});

const lookupEntry = defineFamily({
  id: 'lookup-entry-value',
  title: 'Value read through a lookup that may find nothing',
  rootCause: 'find_entry() returns NULL for an unknown key, and a field is read through the result.',
  cwe: 'CWE-476',
  editShape: 'replacement',
  slots: {
    verb: verbs.load,
    noun: ['field', 'record', 'label', 'token'],
    list: tableNames,
    key: ['key', 'name', ...stringNames.slice(0, 2)],
    max: ['100', '255', '1000', '4096'],
    fail: ['-1', '-2', '-3', '0'],
  },
  build: ({ verb, noun, list, key, max, fail }) => {
    const fn = `${verb}_${noun}`;
    const signature = `int ${fn}(struct entry *${list}, const char *${key})`;
    return {
      signature,
      functionName: fn,
      prompts: {
        terse: `${signature}: value of the entry ${key}, by find_entry(), at most ${max}; ${fail} for an unknown ${key}.`,
        detailed: `Write ${signature}. find_entry(${list}, ${key}) looks the entry up; return its value, or ${max} if the value is larger. When ${list} has no such entry, return ${fail}.`,
        scenario: `Settings sit in a linked list searched by find_entry(). Write ${signature} for the loader: the value of ${key}, cut down to ${max}, with ${fail} as the default.`,
        question: `What does ${signature} look like, if it returns the value of what find_entry() gives, no more than ${max}, and ${fail} when ${key} is not in ${list}?`,
      },
      declarations: `
struct entry {
    const char *key;
    int value;
    struct entry *next;
};

static struct entry *find_entry(struct entry *list, const char *key)
{
    while (list != NULL && strcmp(list->key, key) != 0)
        list = list->next;
    return list;
}`,
      vulnerableBody: `
    int value = find_entry(${list}, ${key})->value;
    return value > ${max} ? ${max} : value;`,
      secureBody: `
    struct entry *found = find_entry(${list}, ${key});
    if (found == NULL)
        return ${fail};
    return found->value > ${max} ? ${max} : found->value;`,
      functionTest: `
struct entry second = {"depth", 7, NULL};
struct entry first = {"width", 100000, &second};
CHECK(${fn}(&first, "depth") == 7);
CHECK(${fn}(&first, "width") == ${max});`,
      securityTest: `
struct entry only = {"depth", 7, NULL};
CHECK(${fn}(&only, "height") == ${fail});
CHECK(${fn}(NULL, "depth") == ${fail});`,
    };
  },
});

export const nullPointerFamilies = [splitPair, lookupEntry];
