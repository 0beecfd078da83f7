import { z } from 'zod';
import {
  implicitPromptSchema,
  languageSchema,
  type PrimeVulPlusRecord,
  reflectionSchema,
} from '../schemas.js';
import { detectLanguage } from './detect-language.js';
import type { ImportOptions, ImportReport } from './import-options.js';
import { normaliseCwe } from './normalise-cwe.js';
import { codeText, cweList, importRows, optionalText } from './read-rows.js';

const cweName = z
  .unknown()
  .optional()
  .transform((value, context) => {
    const first = normaliseCwe(value)?.[0];
    if (first) return first;
    context.addIssue({ code: 'custom', message: 'expected a CWE identifier such as CWE-787' });
    return z.NEVER;
  });

const rowSchema = z.object({
  id: z.string().min(1),
  project: optionalText,
  commit: optionalText,
  cve: optionalText,
  cwe: cweList,
  language: languageSchema.nullish(),
  vulnerable: codeText,
  human_fix: optionalText,
  teacher: z.string().min(1),
  diagnosis: z
    .object({
      cwe: cweName,
      root_cause: z.string().min(1),
      vulnerable_lines: z.array(z.number().int().positive()),
    })
    .nullish(),
  repair: codeText,
  reflections: z.array(reflectionSchema),
  prompts: z.array(implicitPromptSchema),
});

/**
 * PrimeVul+ records from a JSON Lines file of recorded teacher answers
 * (`id, project, commit, cve, cwe, language, vulnerable, human_fix, teacher, diagnosis, repair, reflections, prompts`),
 * streamed; returns the report.
 *
 * The answers were recorded earlier and not asked for now, so `teacher.replayed` is true in every record.
 *
 * @throws MalformedLineError (file, line, field) on the first bad line unless `onError` is `collect`.
 */
export function importPrimeVulPlusMini(
  path: string,
  options: ImportOptions = {},
): AsyncGenerator<PrimeVulPlusRecord, ImportReport> {
  return importRows(path, rowSchema, options, (row, { id, project, group }) => ({
    id,
    functionId: row.id,
    project,
    commit: row.commit,
    cve: row.cve,
    cwe: row.cwe,
    language: row.language ?? detectLanguage(null, row.vulnerable),
    vulnerable: row.vulnerable,
    secure: row.repair,
    humanFix: row.human_fix,
    diagnosis: row.diagnosis
      ? {
          cwe: row.diagnosis.cwe,
          rootCause: row.diagnosis.root_cause,
          vulnerableLines: row.diagnosis.vulnerable_lines,
        }
      : null,
    reflections: row.reflections,
    confidence: row.reflections.at(-1)?.confidence ?? null,
    teacher: { model: row.teacher, replayed: true },
    prompts: row.prompts,
    group,
    split: 'train',
  }));
}
