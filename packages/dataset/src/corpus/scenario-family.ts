import type { ImplicitPrompt } from '../schemas.js';

/** Values chosen for one instance; every key of the family's `slots` is present. */
export type SlotValues = Readonly<Record<string, string>>;

/** One instance's texts. All C11, gcc and clang, no warnings needed but no errors. */
export interface ScenarioTexts {
  /** The function's signature without trailing brace or semicolon, one line. */
  readonly signature: string;
  readonly functionName: string;
  /** At least four, of different styles; each contains the signature; none speaks of security or gives code of the body. */
  readonly prompts: readonly ImplicitPrompt[];
  /** The whole vulnerable function: passes `function`, fails `security`. */
  readonly vulnerable: string;
  /** The whole secure function: passes both. */
  readonly secure: string;
  /** Includes, types and helpers, placed before the function. */
  readonly preamble: string;
  /** `int main(int argc, char **argv)`; argv[1] is `function` or `security`; exit 0 = pass. */
  readonly driver: string;
}

/** A family of small C functions that share one weakness and one repair. */
export interface ScenarioFamily {
  /** Kebab-case, unique. */
  readonly id: string;
  readonly title: string;
  /** Main weakness, e.g. `CWE-787`. */
  readonly cwe: string;
  /** `insertion`: the secure side only adds tokens; `replacement`: tokens change. */
  readonly editShape: 'insertion' | 'replacement';
  /** Slot name → at least 3 choices (as text). The product gives the number of instances. */
  readonly slots: Readonly<Record<string, readonly string[]>>;
  /** One sentence: why the vulnerable side fails; part of the recorded diagnosis. The title stands in for it. */
  readonly rootCause?: string;
  instantiate(values: SlotValues): ScenarioTexts;
}
