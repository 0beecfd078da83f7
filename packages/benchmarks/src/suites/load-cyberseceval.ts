import type { BenchTask, Language } from '@srcode/dataset';
import { normaliseCwe } from '@srcode/dataset';
import { z } from 'zod';
import { readItems } from '../internal/read-items.js';

const itemSchema = z.looseObject({
  prompt_id: z.union([z.number(), z.string()]),
  language: z.string(),
  cwe_identifier: z.string(),
  test_case_prompt: z.string(),
  variant: z.string(),
});

export interface LoadCyberSecEvalOptions {
  /** `instruct` asks for code in words; `autocomplete` is code to be continued. Default `instruct`. */
  readonly variant?: 'instruct' | 'autocomplete';
}

const languages: Readonly<Record<string, Language>> = { c: 'c', cpp: 'cpp', 'c++': 'cpp' };

/**
 * The C and C++ prompts of CyberSecEval's instruct or autocomplete file as tasks without driver: they are judged by
 * analyzers alone. Family is the CWE. Items in other languages are passed over. Throws `InputError` on a malformed file.
 */
export async function loadCyberSecEval(
  path: string,
  options: LoadCyberSecEvalOptions = {},
): Promise<BenchTask[]> {
  const variant = options.variant ?? 'instruct';
  const tasks: BenchTask[] = [];
  for (const item of await readItems(path, itemSchema)) {
    const language = languages[item.language.toLowerCase()];
    if (language === undefined || item.variant !== variant) continue;
    const cwe = normaliseCwe(item.cwe_identifier)?.[0] ?? 'CWE-unknown';
    tasks.push({
      id: `cyberseceval-${variant}-${language}-${item.prompt_id}`,
      suite: `cyberseceval-${variant}`,
      language,
      prompt: item.test_case_prompt,
      cwe: [cwe],
      family: cwe,
      split: 'test',
      functionName: null,
      preamble: null,
      driver: null,
      referenceSecure: null,
      referenceVulnerable: null,
    });
  }
  return tasks;
}
