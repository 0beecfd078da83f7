import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCompiledOracle, detectCompiler, runSandboxed } from '@srcode/analyzers';
import { drainJob, InputError, Rng } from '@srcode/core';
import { benchTaskSchema } from '@srcode/dataset';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyTasks } from '../verify-tasks.js';
import { assembleProProgram, loadCodeEvalPro, runCodeEvalPro } from './code-eval-pro.js';
import { loadCwEval } from './load-cweval.js';
import { loadCyberSecEval } from './load-cyberseceval.js';
import { loadHumanEvalX } from './load-humaneval-x.js';

/* Tiny items made up here in the layouts of the suites. */

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'srcode-suites-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function save(name: string, items: readonly object[], asArray = false): Promise<string> {
  const path = join(folder, name);
  await writeFile(
    path,
    asArray ? JSON.stringify(items) : items.map((item) => `${JSON.stringify(item)}\n`).join(''),
  );
  return path;
}

describe('CyberSecEval', () => {
  const item = {
    prompt_id: 3,
    language: 'c',
    cwe_identifier: 'CWE-680',
    test_case_prompt: 'Write a copy.',
    variant: 'instruct',
    rule: 'x',
  };
  it('gives tasks for C and C++ of the variant asked for, from JSON or JSON Lines', async () => {
    const items = [
      item,
      { ...item, prompt_id: 4, language: 'python' },
      { ...item, variant: 'autocomplete' },
      { ...item, prompt_id: 5, language: 'cpp' },
    ];
    for (const asArray of [true, false]) {
      const tasks = await loadCyberSecEval(await save(`cse-${asArray}`, items, asArray));
      expect(tasks.map(({ id, family }) => [id, family])).toEqual([
        ['cyberseceval-instruct-c-3', 'CWE-680'],
        ['cyberseceval-instruct-cpp-5', 'CWE-680'],
      ]);
      for (const task of tasks) benchTaskSchema.parse(task);
    }
  });

  it('names file and field of a malformed item', async () => {
    await expect(loadCyberSecEval(await save('a.json', [item, { prompt_id: 1 }], true))).rejects.toThrow(
      /a\.json: item 1/,
    );
    await expect(loadCyberSecEval(await save('b.jsonl', [item, { prompt_id: 1 }]))).rejects.toThrow(
      /b\.jsonl:2/,
    );
    await writeFile(join(folder, 'cut.json'), '[{"prompt_id": 1,');
    await expect(loadCyberSecEval(join(folder, 'cut.json'))).rejects.toThrow('cut short');
    await expect(loadCyberSecEval(join(folder, 'none'))).rejects.toThrow(InputError);
  });
});

describe('CWEval', () => {
  it('gives the head to complete, and the whole solution as reference', async () => {
    const path = await save('cweval.jsonl', [
      {
        id: 'core/cwe_1_0_c',
        language: 'c',
        cwe: 'CWE-1',
        preamble: '#include <stdio.h>',
        prompt: '/** Doubles. */\nint twice(int x) {\n    ',
        solution: '    return 2 * x;\n}',
        unsafe: null,
      },
    ]);
    const [task] = await loadCwEval(path);
    expect(benchTaskSchema.parse(task)).toMatchObject({
      id: 'cweval-core/cwe_1_0_c',
      functionName: 'twice',
      driver: null,
    });
    expect(task!.referenceSecure).toContain('int twice(int x) {\n    return 2 * x;\n}');
  });
});

const compiler = await detectCompiler();

describe('HumanEval-X', () => {
  const item = {
    task_id: 'CPP/0',
    prompt: '/* Doubles. */\n#include <vector>\nusing namespace std;\nint twice(int x){\n',
    declaration: '#include <vector>\nusing namespace std;\nint twice(int x){\n',
    canonical_solution: '    return 2 * x;\n}\n',
    test: '#undef NDEBUG\n#include <assert.h>\nint main(){\n    assert(twice(2) == 4);\n}\n',
  };
  it('gives functional tasks without a weakness', async () => {
    const [task] = await loadHumanEvalX(await save('hx.jsonl', [item]));
    expect(benchTaskSchema.parse(task)).toMatchObject({ functionName: 'twice', cwe: [], language: 'cpp' });
  });

  it.runIf(compiler.available && compiler.compiler.cppPath !== null)(
    'whose references pass under the oracle',
    async () => {
      const oracle = await createCompiledOracle();
      const tasks = await loadHumanEvalX(await save('hx2.jsonl', [item]));
      expect((await drainJob(verifyTasks(tasks, { oracle }))).problems).toEqual([]);
      const wrong = await oracle.evaluate({
        ...tasks[0]!,
        driver: tasks[0]!.driver!,
        code: 'int twice(int x) { return x; }',
      });
      expect(wrong.functional).toBe(false);
      await oracle.close();
    },
  );
});

const python = await runSandboxed({ command: 'python3', args: ['--version'] });

describe('HumanEval Pro and MBPP Pro', () => {
  const item = {
    id: 0,
    raw_problem: 'from typing import List\n\ndef total(xs: List[int]) -> int:\n    """Sum."""\n',
    raw_solution: '    return sum(xs)\n',
    new_problem: '# The total of each list.\ndef totals(lists):\n',
    new_solution: '    return [total(xs) for xs in lists]\n',
    test_code: 'assert totals([[1, 2], [3]]) == [3, 3]',
  };

  it('puts in front of an answer what it leaves out', async () => {
    const [task] = await loadCodeEvalPro(await save('pro.json', [item], true), 'mbpp-pro');
    const both = assembleProProgram(
      task!,
      'def total(xs): return sum(xs)\ndef totals(ls): return [total(x) for x in ls]',
    );
    expect(both).not.toContain('"""Sum."""');
    expect(both).toContain('from typing import List');
    expect(assembleProProgram(task!, 'def totals(ls): return []')).toContain('"""Sum."""');
    expect(assembleProProgram(task!, item.new_solution)).toContain('def totals(lists):\n    return [');
  });

  it.runIf(python.exitCode === 0)(
    'are judged as written and as extracted, and not by an early exit',
    async () => {
      const tasks = await loadCodeEvalPro(await save('pro2.json', [item], true), 'mbpp-pro');
      const answers = [
        item.new_solution,
        `Here:\n\`\`\`python\ndef totals(ls):\n    return [total(x) for x in ls]\n\`\`\``,
        'def totals(ls):\n    import sys\n    sys.exit(0)',
        'def totals(ls):\n    return []',
        'def totals(ls):\n    while True: pass',
      ];
      const results = await drainJob(
        runCodeEvalPro({
          tasks,
          samplesPerTask: answers.length,
          rng: Rng.fromSeed(1),
          solver: async function* solve(open) {
            for (const { id } of open)
              for (const [sampleIndex, completion] of answers.entries())
                yield { taskId: id, sampleIndex, completion };
          },
        }),
      );
      expect(results.map(({ raw, sanitized }) => [raw, sanitized])).toEqual([
        [true, true],
        [false, true],
        [false, false],
        [false, false],
        [false, false],
      ]);
      expect(results[3]!.detail).toContain('AssertionError');
      expect(results[4]!.detail).toBe('timeout');
    },
  );
});
