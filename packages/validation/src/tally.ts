import type { ValidationReport } from './schemas.js';
import type { ValidationInput, ValidationVerdict } from './types.js';

class Counter {
  readonly #counts = new Map<string, number>();

  add(key: string): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  addOnce(keys: Iterable<string>): void {
    for (const key of new Set(keys)) this.add(key);
  }

  toObject(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)));
  }
}

/** Adds verdicts up to a report. */
export interface Tally {
  add(record: ValidationInput, verdict: ValidationVerdict): void;
  counts(): { readonly total: number; readonly accepted: number };
  report(): ValidationReport;
}

/** An empty tally. */
export function createTally(judge: string | null): Tally {
  let total = 0;
  let accepted = 0;
  let replayed = 0;
  const prompts = { total: 0, kept: 0 };
  const cwe = new Map<string, { total: number; accepted: number }>();
  const [byCode, byFirst, warned, byPrompt, byStyle, perRecord, skipped] = Array.from(
    { length: 7 },
    () => new Counter(),
  ) as [Counter, Counter, Counter, Counter, Counter, Counter, Counter];
  return {
    add(record, verdict) {
      total++;
      if (verdict.accepted) accepted++;
      if (record.teacher?.replayed) replayed++;
      byCode.addOnce(verdict.rejections.map(({ code }) => code));
      if (verdict.rejections[0]) byFirst.add(verdict.rejections[0].code);
      warned.addOnce(verdict.warnings.map(({ code }) => code));
      for (const { code } of verdict.promptRejections) byPrompt.add(code);
      for (const { style } of verdict.keptPrompts) byStyle.add(style);
      for (const { check } of verdict.skipped) skipped.add(check);
      prompts.total += record.prompts?.length ?? 0;
      prompts.kept += verdict.keptPrompts.length;
      if ((record.prompts?.length ?? 0) > 0) perRecord.add(String(verdict.keptPrompts.length));
      for (const name of record.cwe?.length ? new Set(record.cwe) : ['none']) {
        const entry = cwe.get(name) ?? { total: 0, accepted: 0 };
        cwe.set(name, { total: entry.total + 1, accepted: entry.accepted + (verdict.accepted ? 1 : 0) });
      }
    },
    counts: () => ({ total, accepted }),
    report: () => ({
      ...{ total, accepted, rejected: total - accepted },
      rejectedByCode: byCode.toObject(),
      rejectedByFirstCode: byFirst.toObject(),
      warningsByCode: warned.toObject(),
      promptStats: {
        ...prompts,
        rejectedByCode: byPrompt.toObject(),
        keptByStyle: byStyle.toObject(),
        keptPerRecord: perRecord.toObject(),
      },
      cweStats: Object.fromEntries([...cwe].sort(([a, x], [b, y]) => y.total - x.total || (a < b ? -1 : 1))),
      skippedByCheck: skipped.toObject(),
      replayed,
      judge,
    }),
  };
}
