import { z } from 'zod';
import { languageSchema, type VulnerableFunction } from '../schemas.js';
import { detectLanguage } from './detect-language.js';
import { findFunctionName } from './find-function-name.js';
import type { ImportOptions, ImportReport } from './import-options.js';
import { codeText, cweList, decimalHash, importRows, optionalText } from './read-rows.js';

const rowSchema = z.object({
  id: z.string().min(1),
  project: optionalText,
  commit: optionalText,
  cve: optionalText,
  cwe: cweList,
  language: languageSchema.nullish(),
  func_name: optionalText,
  vulnerable: codeText,
  fixed: codeText,
  source: optionalText,
  license: optionalText,
  file: optionalText,
  cve_desc: optionalText,
  description: optionalText,
  commit_msg: optionalText,
  func_hash: decimalHash,
});

/**
 * Vulnerable functions with human fixes from a JSON Lines file of one pair per line
 * (`id, project, commit, cve, cwe, language, func_name, vulnerable, fixed, source, license, file, cve_desc, …`),
 * streamed; returns the report. The file's own `split`, if any, is not taken over: splits are decided by
 * `assignSplits` over groups.
 *
 * @throws MalformedLineError (file, line, field) on the first bad line unless `onError` is `collect`.
 */
export function importPairs(
  path: string,
  options: ImportOptions = {},
): AsyncGenerator<VulnerableFunction, ImportReport> {
  return importRows(path, rowSchema, options, (row, { id, project, group }) => ({
    id,
    project,
    commit: row.commit,
    cve: row.cve,
    cwe: row.cwe,
    language: row.language ?? detectLanguage(row.file, row.vulnerable),
    functionName: row.func_name ?? findFunctionName(row.vulnerable),
    vulnerable: row.vulnerable,
    humanFix: row.fixed,
    description: row.cve_desc ?? row.description,
    commitMessage: row.commit_msg,
    file: row.file,
    source: options.source ?? row.source ?? 'pairs',
    license: row.license ?? options.license ?? null,
    upstreamHash: row.func_hash,
    group,
    split: 'train',
  }));
}
