import type { ImplicitPrompt } from '@srcode/dataset';
import { checkSize } from './checks/check-size.js';
import { PAIR_CHECKS, PROMPT_CHECKS } from './checks/list-checks.js';
import { DEFAULT_LIMITS } from './default-limits.js';
import { createContext } from './internal/create-context.js';
import type { Judge } from './judge.js';
import type {
  CheckContext,
  CheckResult,
  Objection,
  ValidationInput,
  ValidationLimits,
  ValidationVerdict,
} from './types.js';

export interface ValidateRecordOptions {
  /** Limits that differ from `DEFAULT_LIMITS`. */
  readonly limits?: Partial<ValidationLimits>;
  /** Checks (by name) or codes that are left out, e.g. `signature` or `prompt-duplicate`. */
  readonly ignore?: readonly string[];
}

function toObjection(result: CheckResult, promptIndex?: number): Objection {
  const { check, code, reason, evidence } = result;
  return {
    check,
    code: code ?? check,
    reason,
    evidence,
    ...(promptIndex === undefined ? {} : { promptIndex }),
  };
}

interface PromptOutcome {
  readonly kept: readonly ImplicitPrompt[];
  readonly rejections: readonly Objection[];
  readonly warnings: readonly Objection[];
}

function checkPrompts(
  prompts: readonly ImplicitPrompt[],
  context: CheckContext,
  ignored: ReadonlySet<string>,
): PromptOutcome {
  const kept: ImplicitPrompt[] = [];
  const rejections: Objection[] = [];
  const warnings: Objection[] = [];
  for (const [index, prompt] of prompts.entries()) {
    let rejected = false;
    for (const [name, check] of Object.entries(PROMPT_CHECKS)) {
      // A text of the wrong size or kind is not looked at further.
      if (rejected || ignored.has(name)) continue;
      const result = check(prompt, context, kept);
      if (result.passed || ignored.has(result.code ?? '')) continue;
      if (result.severity === 'warn') warnings.push(toObjection(result, index));
      else {
        rejections.push(toObjection(result, index));
        rejected = true;
      }
    }
    if (!rejected) kept.push(prompt);
  }
  return { kept, rejections, warnings };
}

/** Why the checks of one kind cannot be made, or null. */
function whyNoPrompts(record: ValidationInput): string | null {
  if (record.prompts === undefined) return 'the record has no prompts field';
  const isHuman = (record.teacher ?? null) === null;
  return record.prompts.length === 0 && isHuman ? 'a human fix comes without prompts' : null;
}

function listSkipped(record: ValidationInput): { check: string; reason: string }[] {
  const skipped: { check: string; reason: string }[] = [];
  if ((record.confidence ?? null) === null)
    skipped.push({ check: 'confidence', reason: 'no confidence on record' });
  if ((record.reflections ?? []).length === 0)
    skipped.push({ check: 'verdict', reason: 'no reflection on record' });
  const noPrompts = whyNoPrompts(record);
  if (noPrompts !== null) skipped.push({ check: 'prompts', reason: noPrompts });
  return skipped;
}

/**
 * The verdict on one record. Pure: no model, no clock, no file. Never throws for what a record contains.
 *
 * Every check runs, so that a record shows all its faults, except after `size`, whose failure makes the
 * rest pointless. A bad prompt is dropped; the record falls only when fewer than `minPrompts` are left.
 */
export function validateRecord(
  record: ValidationInput,
  options: ValidateRecordOptions = {},
): ValidationVerdict {
  const limits: ValidationLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const ignored = new Set(options.ignore ?? []);
  const context = createContext(record, limits);
  const rejections: Objection[] = [];
  const warnings: Objection[] = [];
  const skipped = listSkipped(record);
  const size = checkSize(record, context);
  if (!size.passed) {
    return {
      ...{ id: record.id, accepted: false, rejections: [toObjection(size)], warnings, promptRejections: [] },
      ...{ keptPrompts: [], skipped },
    };
  }
  for (const [name, check] of Object.entries(PAIR_CHECKS)) {
    if (ignored.has(name)) continue;
    const result = check(record, context);
    if (result.passed || ignored.has(result.code ?? '')) continue;
    (result.severity === 'warn' ? warnings : rejections).push(toObjection(result));
  }
  const hasPrompts = whyNoPrompts(record) === null;
  const outcome = checkPrompts(hasPrompts ? (record.prompts ?? []) : [], context, ignored);
  if (
    hasPrompts &&
    outcome.kept.length < limits.minPrompts &&
    !ignored.has('prompts') &&
    !ignored.has('too-few-prompts')
  )
    rejections.push({
      check: 'prompts',
      code: 'too-few-prompts',
      reason: `${outcome.kept.length} of ${record.prompts?.length ?? 0} prompts are left, fewer than ${limits.minPrompts}.`,
      evidence: { codes: outcome.rejections.map(({ code }) => code) },
    });
  return {
    id: record.id,
    accepted: rejections.length === 0,
    rejections,
    warnings: [...warnings, ...outcome.warnings],
    promptRejections: outcome.rejections,
    keptPrompts: outcome.kept,
    skipped,
  };
}

/** As `validateRecord`, and a record that passes is then put before the judge, who may turn it down. */
export async function validateRecordWithJudge(
  record: ValidationInput,
  judge: Judge,
  options: ValidateRecordOptions & { readonly signal?: AbortSignal } = {},
): Promise<ValidationVerdict> {
  const verdict = validateRecord(record, options);
  if (!verdict.accepted) return verdict;
  const opinion = await judge.judge(record, options.signal);
  if (opinion.accept) return verdict;
  const objection: Objection = {
    check: 'judge',
    code: 'judge-rejected',
    reason: `${judge.name}: ${opinion.reason}`,
    evidence: { judge: judge.name, confidence: opinion.confidence },
  };
  return { ...verdict, accepted: false, rejections: [objection] };
}
