import { findFunctions } from '@srcode/code';
import type { Language } from '@srcode/dataset';

/** What the oracle judges: one answer between the task's own preamble and driver. */
export interface OracleProgram {
  /** Includes, types, helpers; before the answer. */
  readonly preamble: string | null;
  /** The answer: untrusted. */
  readonly code: string;
  /** After the answer, with `main(argc, argv)`: argv[1] is `function` or `security`; exit 0 is a pass. */
  readonly driver: string;
  readonly language: Language;
}

/**
 * Exit status of a driver that ran to its end and passed. Not 0, so that an answer that calls `exit(0)` before the
 * driver has checked anything does not pass.
 */
export const passStatus = 93;

/** Line number given to the answer's first line is 1, in a file of this name. */
export const answerFile = 'answer';

const directive = /^[ \t]*#[ \t]*(?:define|undef)[ \t]+([A-Za-z_]\w*)/gm;

/** Names that the answer defines or undefines as macros. */
function findMacroNames(code: string): string[] {
  const spliced = code.replace(/\\\r?\n/g, ' ').replace(/\/\*[\s\S]*?\*\//g, ' ');
  return [...new Set([...spliced.matchAll(directive)].map((match) => match[1]!))];
}

const harnessHead = (language: Language): string => `
#include <stdlib.h>
#define main srcode_driver_main
static void srcode_driver_exit(int code) { exit(code == 0 ? ${passStatus} : code == ${passStatus} ? 1 : code); }
#define exit(code) srcode_driver_exit(code)
${language === 'cpp' ? 'int srcode_driver_main(int, char **);' : ''}
`;

const harnessTail = (takesArguments: boolean): string => `
#undef exit
#undef main
int main(int argc, char **argv) {
  (void)argc; (void)argv;
  return srcode_driver_main(${takesArguments ? 'argc, argv' : ''}) == 0 ? ${passStatus} : 1;
}
`;

/** The driver with the `return 0` that C and C++ add to the end of `main` alone, now that it has another name. */
function closeMain(driver: string): string {
  const main = findFunctions(driver).find(({ name }) => name === 'main');
  if (!main) return driver;
  const brace = driver.lastIndexOf('}', main.bodyEnd);
  return `${driver.slice(0, brace)} return 0; ${driver.slice(brace)}`;
}

/**
 * The whole program. The answer's own `main` is renamed, and macros that it defines end with it, so that it cannot
 * rewrite the driver; the driver's `main` is wrapped so that only reaching its end with 0 (or `exit(0)` from the
 * driver itself) is a pass.
 */
export function assembleProgram(program: OracleProgram): string {
  const macros = findMacroNames(program.code);
  const takesArguments = !/\bmain\s*\(\s*(?:void)?\s*\)/.test(program.driver);
  const head = harnessHead(program.language).replace(
    'int srcode_driver_main(int, char **);',
    takesArguments ? 'int srcode_driver_main(int, char **);' : 'int srcode_driver_main();',
  );
  return [
    program.preamble ?? '',
    '#define main srcode_answer_main',
    ...macros.map((name) => `#pragma push_macro("${name}")`),
    `#line 1 "${answerFile}"`,
    program.code,
    '#line 1 "harness"',
    ...macros.map((name) => `#pragma pop_macro("${name}")`),
    '#undef main',
    head,
    '#line 1 "driver"',
    closeMain(program.driver),
    '#line 1 "harness"',
    harnessTail(takesArguments),
  ].join('\n');
}
