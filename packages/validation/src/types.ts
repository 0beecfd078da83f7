import type { DiffHunk, FunctionInfo, LexicalToken } from '@srcode/code';
import type { ImplicitPrompt, Language, Reflection, Teacher } from '@srcode/dataset';

/**
 * What can be validated: a PrimeVul+ record, a repair pair, or any two sides. Absent fields switch off the
 * checks that need them, and the verdict says so.
 */
export interface ValidationInput {
  readonly id: string;
  readonly vulnerable: string;
  readonly secure: string;
  readonly language?: Language;
  readonly cwe?: readonly string[];
  readonly reflections?: readonly Reflection[];
  /** In [0, 1]; null for human fixes. */
  readonly confidence?: number | null;
  readonly teacher?: Teacher | null;
  readonly prompts?: readonly ImplicitPrompt[];
}

/** Limits of the checks. Shares are fractions of tokens, lengths are characters unless the name says otherwise. */
export interface ValidationLimits {
  /** Longest text of one side. Default 200,000. */
  readonly maxCodeChars: number;
  /** Loss of `cleanShare` from the vulnerable to the secure side that is still tolerated. Default 0.4: one macro with a type as argument
   * can cost a short function a sixth of its text, whereas a cut function loses nearly all. */
  readonly maxParseLoss: number;
  /** `cleanShare` below which a side counts as not parseable. Default 0.3. */
  readonly minCleanShare: number;
  /** Changed tokens of both sides over all tokens of both sides. Default 0.6. */
  readonly maxChangedShare: number;
  /** Secure tokens over vulnerable tokens. Defaults 0.4 and 3. */
  readonly minLengthRatio: number;
  readonly maxLengthRatio: number;
  /** Changes of up to this many tokens are never too large, whatever their share. Default 80. */
  readonly smallChangeTokens: number;
  /** Default 0.3. */
  readonly minConfidence: number;
  /** Prompts that must be left. Default 1. */
  readonly minPrompts: number;
  /** Defaults 25 and 2,000. */
  readonly minPromptChars: number;
  readonly maxPromptChars: number;
  /** Jaccard similarity of word triples, signature left out, from which prompts are duplicates. Default 0.6. */
  readonly maxPromptSimilarity: number;
  /** Lexical tokens in a row that prompt and body share, from which the prompt gives code; a mere call may have twice as many. Default 8. */
  readonly maxSharedTokens: number;
}

/** Facts on one side, computed once, when first asked for. */
export interface SideFacts {
  readonly text: string;
  readonly tokens: readonly LexicalToken[];
  /** Comments, markers included, in order. */
  readonly comments: readonly string[];
  /** Share of the characters outside syntax errors, in [0, 1]. */
  readonly cleanShare: number;
  readonly functions: readonly FunctionInfo[];
  /** The function that the pair is about: the longest one. */
  readonly main: FunctionInfo | null;
}

/** Everything a check may look at besides the record. */
export interface CheckContext {
  readonly limits: ValidationLimits;
  readonly vulnerable: SideFacts;
  readonly secure: SideFacts;
  /** Differences of the two token sequences. */
  readonly hunks: readonly DiffHunk[];
}

export type Severity = 'reject' | 'warn';

/** Outcome of one check on one record or prompt. */
export interface CheckResult {
  /** Name of the check, e.g. `signature`. */
  readonly check: string;
  readonly passed: boolean;
  /** What exactly failed, e.g. `signature-changed`; null when passed. */
  readonly code: string | null;
  /** What a failure means: the record (or prompt) is turned down, or only remarked on. */
  readonly severity: Severity;
  /** In plain words; for a passed check, why where that is not obvious. */
  readonly reason: string;
  /** Facts that the reason rests on. */
  readonly evidence: Readonly<Record<string, unknown>>;
}

/** A named pure check of a pair. */
export type PairCheck = (record: ValidationInput, context: CheckContext) => CheckResult;

/** A named pure check of one prompt; `earlier` are the prompts of the record kept so far. */
export type PromptCheck = (
  prompt: ImplicitPrompt,
  context: CheckContext,
  earlier: readonly ImplicitPrompt[],
) => CheckResult;

/** A failed check of the pair, or of the prompt at `promptIndex`. */
export interface Objection {
  readonly check: string;
  readonly code: string;
  readonly reason: string;
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly promptIndex?: number;
}

/** What validation says of one record. */
export interface ValidationVerdict {
  readonly id: string;
  readonly accepted: boolean;
  /** Why the record is turned down; empty when accepted. */
  readonly rejections: readonly Objection[];
  readonly warnings: readonly Objection[];
  /** Why single prompts are dropped. */
  readonly promptRejections: readonly Objection[];
  readonly keptPrompts: readonly ImplicitPrompt[];
  /** Checks that could not be made for want of data, e.g. `prompts` on a human fix. */
  readonly skipped: readonly { readonly check: string; readonly reason: string }[];
}
