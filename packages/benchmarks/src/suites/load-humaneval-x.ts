import { findFunctions } from '@srcode/code';
import type { BenchTask } from '@srcode/dataset';
import { z } from 'zod';
import { readItems } from '../internal/read-items.js';

const itemSchema = z.looseObject({
  task_id: z.string().min(1),
  prompt: z.string(),
  canonical_solution: z.string(),
  test: z.string(),
  declaration: z.string(),
});

/** Lines that stand before the function: includes and `using`. */
function headOf(declaration: string): string {
  return declaration
    .split('\n')
    .filter((line) => /^\s*(?:#|using\b)/.test(line))
    .join('\n');
}

/**
 * HumanEval-X's C++ problems, a functional suite: tasks have no CWE, so security is not measured. An answer is the whole
 * function; the suite's own `main` with its asserts is the driver. Throws `InputError` on a malformed file.
 */
export async function loadHumanEvalX(path: string): Promise<BenchTask[]> {
  return (await readItems(path, itemSchema)).map((item) => {
    // One item's `declaration` is cut inside a body; the prompts are whole.
    const solved = `${item.prompt}${item.canonical_solution}`;
    return {
      id: `humaneval-x-${item.task_id.replace('/', '-').toLowerCase()}`,
      suite: 'humaneval-x',
      language: 'cpp',
      prompt: `Complete this C++ function. Answer with the whole function.\n\n${item.prompt.trimEnd()}\n`,
      cwe: [],
      family: item.task_id,
      split: 'test',
      functionName: findFunctions(solved).at(-1)?.name ?? null,
      preamble: headOf(item.declaration),
      driver: item.test,
      referenceSecure: solved,
      referenceVulnerable: null,
    };
  });
}
