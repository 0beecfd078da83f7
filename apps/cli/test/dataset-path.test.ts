import { readFileSync, writeFileSync } from 'node:fs';
import { buildCorpus, toPrimeVulPlusRecord, toVulnerableFunction } from '@srcode/dataset';
import { answerAsTeacher, createFakeOpenAi } from '@srcode/reflection/testing';
import { describe, expect, it } from 'vitest';
import { createTestFolder, runCli, startCli, toJsonl } from './run-cli.js';

const at = createTestFolder();
const families = ['add-amounts', 'grid-cell', 'stack-push', 'keep-name', 'count-steps', 'shorten-copy'];
const instances = buildCorpus({ seed: 1, families, instancesPerFamily: 1, heldOutInstanceShare: 0 });

describe('import → build → validate → lint', () => {
  it('runs to the end over every pair and says that the teacher was replayed', async () => {
    const rows = instances.map((instance) => ({
      id: instance.id,
      project: instance.familyId,
      commit: `commit-${instance.familyId}`,
      cwe: [instance.cwe],
      language: 'c',
      vulnerable: instance.vulnerable,
      fixed: instance.secure,
    }));
    writeFileSync(at('rows.jsonl'), toJsonl(rows));
    // One function without a record, which must be counted and not lost.
    writeFileSync(at('teacher.jsonl'), toJsonl(instances.slice(1).map(toPrimeVulPlusRecord)));

    const imported = await runCli([
      'dataset',
      'import',
      '--pairs',
      at('rows.jsonl'),
      '--out',
      at('functions'),
      '--json',
    ]);
    expect(JSON.parse(imported.stdout)).toMatchObject({ read: 6, functions: 6, leakage: { ok: true } });

    const built = await runCli([
      'dataset',
      'build',
      '--in',
      at('functions'),
      '--out',
      at('built'),
      '--replay',
      at('teacher.jsonl'),
      '--json',
    ]);
    expect(built.code).toBe(0);
    expect(JSON.parse(built.stdout)).toMatchObject({ replayed: true, records: 5, finished: 5, failed: 1 });
    expect(JSON.parse(readFileSync(at('built/manifest.json'), 'utf8')).synthetic).toEqual([
      'teacher answers are recorded ones, replayed',
    ]);

    const validated = await runCli([
      'dataset',
      'validate',
      '--in',
      at('built'),
      '--out',
      at('plus'),
      '--json',
    ]);
    const report = JSON.parse(validated.stdout);
    expect(report.total).toBe(5);
    expect(report.accepted + report.rejected).toBe(5);
    expect(report.accepted).toBeGreaterThanOrEqual(4);
    expect(JSON.parse(readFileSync(at('plus/manifest.json'), 'utf8')).synthetic).toHaveLength(1);

    const linted = await runCli(['rewards', 'lint', '--in', at('plus'), '--json']);
    const lint = JSON.parse(linted.stdout);
    expect(lint.pairs).toBe(report.accepted);
    expect(lint.parsed).toMatchObject({ bothSidesShare: 1, orderedShare: 1 });
  });
});

describe('Ctrl-C', () => {
  it('stops with 130, keeps what is finished, and the same command does the rest', async () => {
    writeFileSync(at('slow.jsonl'), toJsonl(instances.map(toVulnerableFunction)));
    const server = await createFakeOpenAi({
      reply: async (request) => {
        await new Promise((resolve) => setTimeout(resolve, 60));
        return answerAsTeacher(request);
      },
    });
    try {
      const args = [
        'dataset',
        'build',
        '--in',
        at('slow.jsonl'),
        '--out',
        at('slow'),
        '--concurrency',
        '1',
        '--teacher-url',
        server.baseUrl,
        '--model',
        'fake',
        '--json',
      ];
      const { child, done } = startCli(args);
      // Six requests make a record; in the ninth, one function is finished and another is under way.
      const isUnderWay = new Promise<void>((resolve) => {
        const timer = setInterval(() => {
          if (server.requests.length < 9) return;
          clearInterval(timer);
          resolve();
        }, 10);
      });
      await Promise.race([isUnderWay, done]);
      child.kill('SIGINT');
      const stopped = await done;
      expect(stopped.code).toBe(130);
      expect(stopped.stdout).toBe('');
      expect(stopped.stderr).toContain('Stopping; finished work is kept.');
      const kept = readFileSync(at('slow/records.jsonl'), 'utf8').trim().split('\n');
      expect(kept.length).toBeGreaterThanOrEqual(1);
      expect(kept.length).toBeLessThan(6);

      const rest = await runCli(args);
      expect(rest.code).toBe(0);
      const summary = JSON.parse(rest.stdout);
      expect(summary).toMatchObject({ records: 6, finished: 6 - kept.length, failed: 0 });
      expect(readFileSync(at('slow/records.jsonl'), 'utf8')).toContain(kept[0]);
    } finally {
      await server.close();
    }
  });
});
