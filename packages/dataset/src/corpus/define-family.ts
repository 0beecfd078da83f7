import { InputError } from '@srcode/core';
import type { ScenarioFamily, ScenarioTexts, SlotValues } from './scenario-family.js';

/** What a family gives for one instance; `composeTexts` adds what is the same everywhere. */
export interface InstanceParts {
  /** One line, without brace or semicolon. */
  readonly signature: string;
  readonly functionName: string;
  /** Style → prompt. */
  readonly prompts: Readonly<Record<string, string>>;
  /** Lines between the braces, indented by 4 spaces. */
  readonly vulnerableBody: string;
  readonly secureBody: string;
  /** Types, macros and helpers placed after the standard includes. */
  readonly declarations?: string;
  /** Statements of the driver on ordinary input; `CHECK(condition)` fails the test. */
  readonly functionTest: string;
  /** The same on hostile input. */
  readonly securityTest: string;
}

const includes = ['limits.h', 'stddef.h', 'stdint.h', 'stdio.h', 'stdlib.h', 'string.h']
  .map((header) => `#include <${header}>`)
  .join('\n');

/** C lines that leave the function with `value` when `condition` holds. */
export function returnWhen(condition: string, value: string): string {
  return `    if (${condition})\n        return ${value};\n`;
}

/** Completes an instance: standard includes, function texts and a driver with `main`. */
export function composeTexts(parts: InstanceParts): ScenarioTexts {
  const wrap = (body: string) => `${parts.signature}\n{\n${body.replace(/^\n+|\s+$/g, '')}\n}\n`;
  return {
    signature: parts.signature,
    functionName: parts.functionName,
    prompts: Object.entries(parts.prompts).map(([style, text]) => ({ style, text })),
    vulnerable: wrap(parts.vulnerableBody),
    secure: wrap(parts.secureBody),
    preamble: `${includes}\n${parts.declarations ? `\n${parts.declarations.trim()}\n` : ''}`,
    driver: composeDriver(parts.functionTest, parts.securityTest),
  };
}

/** A `main` that runs the test named by argv[1] and exits 0 when it passes. */
export function composeDriver(functionTest: string, securityTest: string): string {
  const indent = (text: string) => text.trim().replace(/\n */g, '\n    ');
  return `#define CHECK(condition) do { if (!(condition)) { fprintf(stderr, "failed: %s\\n", #condition); return 1; } } while (0)

static int test_function(void)
{
    ${indent(functionTest)}
    return 0;
}

static int test_security(void)
{
    ${indent(securityTest)}
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "function") == 0)
        return test_function();
    if (argc == 2 && strcmp(argv[1], "security") == 0)
        return test_security();
    return 2;
}
`;
}

/** Definition of a family whose slots are known by name to the compiler. */
export interface FamilyDefinition<K extends string> extends Omit<ScenarioFamily, 'slots' | 'instantiate'> {
  readonly slots: Readonly<Record<K, readonly string[]>>;
  readonly build: (values: Readonly<Record<K, string>>) => InstanceParts;
}

/** A scenario family from its definition. `instantiate` throws `InputError` on a missing or unknown slot value. */
export function defineFamily<K extends string>(definition: FamilyDefinition<K>): ScenarioFamily {
  const { build, ...family } = definition;
  return {
    ...family,
    instantiate(values: SlotValues): ScenarioTexts {
      for (const [slot, choices] of Object.entries<readonly string[]>(definition.slots)) {
        const value = values[slot];
        if (value === undefined || !choices.includes(value)) {
          throw new InputError({
            code: 'SCENARIO_SLOT_VALUE',
            message: `Family ${definition.id}: expected slot "${slot}" to be one of ${choices.join(', ')}, got ${String(value)}.`,
            context: { family: definition.id, slot, value },
          });
        }
      }
      return composeTexts(build(values as Readonly<Record<K, string>>));
    },
  };
}
