import { defineFamily } from '../define-family.js';
import { capacityNames, elementTypes, failureValues, stateNames, stringNames, verbs } from '../vocabulary.js';
import { trackedHeap } from './heap-stubs.js';

const countWords = defineFamily({
  id: 'count-words-of-copy',
  title: 'Working copy not freed on an early return',
  rootCause: 'The return for comment lines leaves the copy made by strdup() allocated.',
  cwe: 'CWE-401',
  editShape: 'insertion',
  slots: {
    verb: verbs.count,
    noun: ['entry', 'record', 'message', 'label'],
    line: stringNames,
    mark: ['#', ';', '%', '!'],
    fail: ['-1', '-2', '-3', '-4'],
  },
  build: ({ verb, noun, line, mark, fail }) => {
    const fn = `${verb}_${noun}`;
    const signature = `int ${fn}(const char *${line})`;
    return {
      signature,
      functionName: fn,
      prompts: {
        terse: `${signature}: cut_words() of a heap copy of ${line}; ${fail} without a copy or if it starts with '${mark}'.`,
        detailed: `Write ${signature}. cut_words() counts words and changes the text, so give it a copy from strdup(). Return its result, or ${fail} when there is no copy or it begins with '${mark}'.`,
        scenario: `A script reader sizes its lines; those with a leading '${mark}' are comments. Implement ${signature}: strdup(), then cut_words() of the copy, and ${fail} for a comment.`,
        question: `How do I write ${signature} so that it gives cut_words() of a heap copy of ${line}, or ${fail} if the copy cannot be made or begins with '${mark}'?`,
      },
      declarations: `${trackedHeap}
static int cut_words(char *text)
{
    int words = 0;
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
        words++;
    return words;
}`,
      vulnerableBody: `
    char *copy = strdup(${line});
    int words;
    if (copy == NULL || copy[0] == '${mark}')
        return ${fail};
    words = cut_words(copy);
    free(copy);
    return words;`,
      secureBody: `
    char *copy = strdup(${line});
    int words;
    if (copy == NULL || copy[0] == '${mark}') {
        free(copy);
        return ${fail};
    }
    words = cut_words(copy);
    free(copy);
    return words;`,
      functionTest: `
CHECK(${fn}("set width 80") == 3);
CHECK(${fn}("") == 0);
CHECK(${fn}("${mark} note") == ${fail});
refuse_after = 0;
CHECK(${fn}("one two") == ${fail});`,
      securityTest: `
CHECK(${fn}("one two") == 2);
CHECK(live_blocks == 0);
CHECK(${fn}("${mark} note") == ${fail});
CHECK(live_blocks == 0);`,
    };
  },
});

const resizeItems = defineFamily({
  id: 'resize-items',
  title: 'Only pointer to a block lost when the block cannot grow',
  rootCause: 'realloc() returns NULL on failure and overwrites the only pointer to the items.',
  cwe: 'CWE-401',
  editShape: 'replacement',
  slots: {
    verb: ['resize', 'grow', 'widen', 'extend'],
    noun: ['sample', 'event', 'token', 'field'],
    type: elementTypes,
    state: stateNames,
    count: capacityNames,
    fail: failureValues,
  },
  build: ({ verb, noun, type, state, count, fail }) => {
    const fn = `${verb}_${noun}`;
    const signature = `int ${fn}(struct vec *${state}, size_t ${count})`;
    return {
      signature,
      functionName: fn,
      prompts: {
        terse: `${signature}: give items (${type}) room for ${count}, set cap, return 0, or ${fail} and the old items if that is not possible.`,
        detailed: `Write ${signature}. It changes the memory of items, of type ${type}, to ${count} of them, sets cap and returns 0. If no memory is left, it returns ${fail} and the vec stays as it was.`,
        scenario: `A table of ${type} items grows while a file is read. Implement ${signature} with realloc(): room for ${count} items, new cap, result 0; or ${fail} with the vec unchanged.`,
        question: `How can ${signature} make room for ${count} items of type ${type} and set cap, returning 0, or ${fail} while the vec goes on with what it has?`,
      },
      declarations: `${trackedHeap}
struct vec {
    ${type} *items;
    size_t len;
    size_t cap;
};`,
      vulnerableBody: `
    ${state}->items = realloc(${state}->items, ${count} * sizeof(${type}));
    if (${state}->items == NULL)
        return ${fail};
    ${state}->cap = ${count};
    return 0;`,
      secureBody: `
    ${type} *bigger = realloc(${state}->items, ${count} * sizeof(${type}));
    if (bigger == NULL)
        return ${fail};
    ${state}->items = bigger;
    ${state}->cap = ${count};
    return 0;`,
      functionTest: `
struct vec made = {NULL, 0, 0};
CHECK(${fn}(&made, 4) == 0 && made.cap == 4);
made.items[3] = 9;
CHECK(${fn}(&made, 64) == 0 && made.cap == 64);
made.items[63] = 5;
CHECK(made.items[3] == 9);
free(made.items);`,
      securityTest: `
struct vec made = {NULL, 0, 0};
CHECK(${fn}(&made, 4) == 0);
made.items[0] = 9;
refuse_after = 0;
CHECK(${fn}(&made, 64) == ${fail});
CHECK(made.items != NULL && made.cap == 4 && made.items[0] == 9);
free(made.items);
CHECK(live_blocks == 0);`,
    };
  },
});

export const heapLeakFamilies = [countWords, resizeItems];
