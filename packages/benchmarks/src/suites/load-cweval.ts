import { findFunctions } from '@srcode/code';
import { type BenchTask, languageSchema } from '@srcode/dataset';
import { z } from 'zod';
import { readItems } from '../internal/read-items.js';

const itemSchema = z.looseObject({
  id: z.string().min(1),
  language: z.string(),
  cwe: z.string(),
  preamble: z.string(),
  prompt: z.string(),
  solution: z.string(),
  unsafe: z.string().nullish(),
});

/**
 * CWEval's C and C++ tasks as tasks without driver: their tests are pytest files that call built programs, which this
 * package does not run, so they are judged by analyzers alone. The prompt asks for the whole function whose head CWEval
 * gives; `referenceSecure` is CWEval's solution. Throws `InputError` on a malformed file.
 */
export async function loadCwEval(path: string): Promise<BenchTask[]> {
  const tasks: BenchTask[] = [];
  for (const item of await readItems(path, itemSchema)) {
    const language = languageSchema.safeParse(item.language);
    if (!language.success) continue;
    const solved = `${item.prompt.trimEnd()}\n${item.solution}`;
    const name = language.data === 'c' ? 'C' : 'C++';
    tasks.push({
      id: `cweval-${item.id}`,
      suite: 'cweval',
      language: language.data,
      prompt: `Complete this ${name} function. Answer with the whole function.\n\n${item.preamble}\n\n${item.prompt.trimEnd()}\n`,
      cwe: [item.cwe],
      family: item.cwe,
      split: 'test',
      functionName: findFunctions(solved).at(-1)?.name ?? null,
      preamble: item.preamble,
      driver: null,
      referenceSecure: solved,
      referenceVulnerable: item.unsafe ?? null,
    });
  }
  return tasks;
}
