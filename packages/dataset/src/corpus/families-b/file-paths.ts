import { defineFamily } from '../define-family.js';
import { capacityNames, destinationNames, failureValues, stringNames, verbs } from '../vocabulary.js';

const joinPath = defineFamily({
  id: 'path-below-root',
  title: 'Only the exact name ".." refused when a path is built',
  rootCause: 'A name such as "../x" or "a/../../x" is not equal to ".." and still leaves the folder.',
  cwe: 'CWE-22',
  editShape: 'replacement',
  slots: {
    verb: verbs.make,
    out: destinationNames,
    room: capacityNames,
    name: stringNames,
    root: ['/srv/www', '/var/spool', '/home/site', '/opt/data'],
    fail: failureValues,
  },
  build: ({ verb, out, room, name, root, fail }) => {
    const fn = `${verb}_path`;
    const signature = `int ${fn}(char *${out}, size_t ${room}, const char *${name})`;
    return {
      signature,
      functionName: fn,
      prompts: {
        terse: `${signature}: put ${root}/ and ${name} in ${out}, return 0, or ${fail} for a name that leads up.`,
        detailed: `Write ${signature}. It joins ${root} and ${name} with a slash in ${out}, which holds ${room} chars, and returns 0, or ${fail} if ${name} leads up out of the folder.`,
        scenario: `A web server keeps its pages in ${root}. Implement ${signature}: the path of the page ${name} goes to ${out}, result 0; ${fail} for a page elsewhere.`,
        question: `How could ${signature} give the path of ${name} inside ${root} and return 0, or ${fail} when ${name} would be outside that folder?`,
      },
      vulnerableBody: `
    if (strcmp(${name}, "..") == 0)
        return ${fail};
    snprintf(${out}, ${room}, "${root}/%s", ${name});
    return 0;`,
      secureBody: `
    if (strstr(${name}, "..") != NULL)
        return ${fail};
    snprintf(${out}, ${room}, "${root}/%s", ${name});
    return 0;`,
      functionTest: `
char path[64];
CHECK(${fn}(path, sizeof(path), "a.html") == 0);
CHECK(strcmp(path, "${root}/a.html") == 0);
CHECK(${fn}(path, sizeof(path), "img/b.png") == 0);
CHECK(strcmp(path, "${root}/img/b.png") == 0);
CHECK(${fn}(path, sizeof(path), "..") == ${fail});`,
      securityTest: `
char path[64];
CHECK(${fn}(path, sizeof(path), "../passwd") == ${fail});
CHECK(${fn}(path, sizeof(path), "img/../../passwd") == ${fail});
CHECK(${fn}(path, sizeof(path), "img/..") == ${fail});`,
    };
  },
});

const isBelow = defineFamily({
  id: 'is-path-below',
  title: 'Folder compared as a mere prefix of a path',
  rootCause: 'The prefix also fits a sibling folder whose name starts alike, such as /srv/www-old.',
  cwe: 'CWE-22',
  editShape: 'insertion',
  slots: {
    verb: ['is', 'lies', 'stays', 'sits'],
    place: ['under', 'below', 'inside', 'within'],
    root: ['root', 'base', 'top', 'folder'],
    path: ['path', 'file', 'name', 'page'],
    length: ['n', 'len', 'size', 'used'],
  },
  build: ({ verb, place, root, path, length }) => {
    const fn = `${verb}_${place}`;
    const signature = `int ${fn}(const char *${root}, const char *${path})`;
    return {
      signature,
      functionName: fn,
      prompts: {
        terse: `${signature}: 1 if ${path} is the folder ${root} or something in it, else 0. ${length} is the length of ${root}.`,
        detailed: `Write ${signature}. Both are absolute paths in their shortest form, ${root} without a final slash. Return 1 when ${path} is ${root} itself or lies in it, else 0; ${length} is the length of ${root}.`,
        scenario: `A file server lends one folder, ${root}. Implement ${signature}, which tells with 1 or 0 if ${path} belongs to it; ${length} holds the length of ${root}.`,
        question: `What is a short ${signature} that gives 1 for the folder ${root} and all files in it, and 0 for any other ${path}, with ${length} for the length of ${root}?`,
      },
      vulnerableBody: `
    size_t ${length} = strlen(${root});
    if (strncmp(${path}, ${root}, ${length}) != 0)
        return 0;
    return 1;`,
      secureBody: `
    size_t ${length} = strlen(${root});
    if (strncmp(${path}, ${root}, ${length}) != 0)
        return 0;
    if (${path}[${length}] != '/' && ${path}[${length}] != '\\0')
        return 0;
    return 1;`,
      functionTest: `
CHECK(${fn}("/srv/www", "/srv/www/a.html") == 1);
CHECK(${fn}("/srv/www", "/srv/www") == 1);
CHECK(${fn}("/srv/www", "/srv") == 0);
CHECK(${fn}("/srv/www", "/etc/hosts") == 0);`,
      securityTest: `
CHECK(${fn}("/srv/www", "/srv/www-old/a.html") == 0);
CHECK(${fn}("/srv/www", "/srv/www2") == 0);
CHECK(${fn}("/srv/www", "/srv/www/b") == 1);`,
    };
  },
});

export const filePathFamilies = [joinPath, isBelow];
