import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { primeVulPlusRecordSchema, repairPairSchema } from '@srcode/dataset';
import { z } from 'zod';
import type { MissingPart, PairVerdict, PairView, ReportInput } from '../report-input.js';
import { EvenSample } from './even-sample.js';
import { readJsonPart, readLinesOf } from './run-files.js';

/** A pair with or without prompts. */
const pairSchema = repairPairSchema.extend({ prompts: primeVulPlusRecordSchema.shape.prompts.default([]) });

function toView(record: z.output<typeof pairSchema>, verdict: PairVerdict | null): PairView {
  return {
    id: record.id,
    project: record.project,
    cwe: record.cwe,
    cve: record.cve,
    split: record.split,
    vulnerable: record.vulnerable,
    secure: record.secure,
    prompts: record.prompts,
    rootCause: record.diagnosis?.rootCause ?? null,
    confidence: record.confidence,
    rounds: record.reflections.length,
    teacher: record.teacher,
    verdict,
  };
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** A sample of the run's pairs: those with prompts where there are any, all repaired ones otherwise. */
export async function readPairs(
  runFolder: string,
  maxPairs: number,
  verdicts: ReadonlyMap<string, PairVerdict>,
  validated: boolean,
  missing: MissingPart[],
  signal: AbortSignal | undefined,
): Promise<ReportInput['pairs']> {
  // PrimeVul+ is what validation let through; of other pairs only a verdict on file says anything.
  const accepted: PairVerdict = { accepted: true, reasons: [] };
  const parts = [
    { name: 'data/prime-vul-plus.jsonl', otherwise: validated ? accepted : null },
    { name: 'data/pairs.jsonl', otherwise: null },
  ];
  for (const { name, otherwise } of parts) {
    const path = join(runFolder, name);
    if (!(await exists(path))) {
      missing.push({ part: name, problem: 'not there' });
      continue;
    }
    const sample = new EvenSample<PairView>(maxPairs);
    for await (const record of readLinesOf(path, name, pairSchema, missing, signal))
      sample.add(toView(record, verdicts.get(record.id) ?? otherwise));
    return { total: sample.total, shown: sample.items() };
  }
  return { total: 0, shown: [] };
}

const reasonSchema = z.union([
  z.string(),
  z.looseObject({ code: z.string().optional(), reason: z.string().optional() }),
]);
const verdictSchema = z.looseObject({
  id: z.string().optional(),
  pairId: z.string().optional(),
  accepted: z.boolean(),
  reasons: z.array(reasonSchema).optional(),
  rejections: z.array(reasonSchema).optional(),
});
const validationSchema = z.looseObject({
  accepted: z.number().optional(),
  rejected: z.number().optional(),
  reasons: z.record(z.string(), z.number()).optional(),
  rejectedByCode: z.record(z.string(), z.number()).optional(),
  verdicts: z.array(verdictSchema).optional(),
});

const reasonText = (reason: z.output<typeof reasonSchema>): string =>
  typeof reason === 'string' ? reason : (reason.code ?? reason.reason ?? 'unnamed');

/** `data/validation.json`: totals, and verdicts by pair. Tolerant of fields it does not know. */
export async function readValidation(
  runFolder: string,
  missing: MissingPart[],
): Promise<{ summary: ReportInput['validation']; verdicts: Map<string, PairVerdict> }> {
  const label = 'data/validation.json';
  const file = await readJsonPart(join(runFolder, label), label, validationSchema, missing);
  const verdicts = new Map<string, PairVerdict>();
  if (!file) return { summary: null, verdicts };
  const counted: Record<string, number> = Object.create(null);
  for (const verdict of file.verdicts ?? []) {
    const reasons = (verdict.rejections ?? verdict.reasons ?? []).map(reasonText);
    const id = verdict.pairId ?? verdict.id;
    if (id !== undefined) verdicts.set(id, { accepted: verdict.accepted, reasons });
    if (!verdict.accepted)
      for (const reason of new Set(reasons)) counted[reason] = (counted[reason] ?? 0) + 1;
  }
  const all = file.verdicts ?? [];
  return {
    summary: {
      accepted: file.accepted ?? all.filter((verdict) => verdict.accepted).length,
      rejected: file.rejected ?? all.filter((verdict) => !verdict.accepted).length,
      reasons: file.rejectedByCode ?? file.reasons ?? { ...counted },
    },
    verdicts,
  };
}
