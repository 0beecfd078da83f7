import { writeFileSync } from 'node:fs';
import { makePrimeVulPlusRecord } from '@srcode/dataset/testing';
import { describe, expect, it } from 'vitest';
import { createTestFolder, runCli, toJsonl } from './run-cli.js';

const at = createTestFolder();

describe('usage', () => {
  it('lists every command, and gives an example with each', async () => {
    const [all, one] = await Promise.all([runCli(['--help']), runCli(['train', 'ppo', '--help'])]);
    expect(all.code).toBe(0);
    for (const name of [
      'doctor',
      'backend',
      'dataset',
      'rewards',
      'train',
      'generate',
      'bench',
      'teacher',
      'report',
      'reproduce',
    ])
      expect(all.stdout).toContain(`  ${name}`);
    expect(one.stdout).toContain('Example:\n  srcode train ppo');
  });

  it('ends with 2 on an unknown option or a bad value, and says which', async () => {
    const [unknown, bad] = await Promise.all([
      runCli(['dataset', 'stats', '--in', 'x', '--inn', 'y']),
      runCli(['generate', '--model', 'm', '--prompt', 'p', '--top-p', '2']),
    ]);
    expect(unknown).toMatchObject({ code: 2, stdout: '' });
    expect(unknown.stderr).toContain("unknown option '--inn'");
    expect(bad.code).toBe(2);
    expect(bad.stderr).toContain('expected a number from 0 to 1, got "2"');
  });

  it('takes required options from a config file, where flags win', async () => {
    writeFileSync(at('few.jsonl'), toJsonl([1, 2].map((index) => makePrimeVulPlusRecord(index))));
    writeFileSync(at('more.jsonl'), toJsonl([1, 2, 3].map((index) => makePrimeVulPlusRecord(index))));
    writeFileSync(at('stats.yaml'), `in: ${at('few.jsonl')}\njson: true\n`);
    const [file, flag] = await Promise.all([
      runCli(['dataset', 'stats', '--config', at('stats.yaml')]),
      runCli(['dataset', 'stats', '--config', at('stats.yaml'), '--in', at('more.jsonl')]),
    ]);
    expect(JSON.parse(file.stdout)).toMatchObject({ kind: 'prime-vul-plus', records: 2 });
    expect(JSON.parse(flag.stdout)).toMatchObject({ records: 3 });
  });

  it('ends with 2 on an option in the config file that the command does not have', async () => {
    writeFileSync(at('wrong.yaml'), 'inn: x\n');
    const run = await runCli(['dataset', 'stats', '--config', at('wrong.yaml')]);
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toMatch(/^error CONFIG_UNKNOWN_OPTION: .*wrong\.yaml: unknown option "inn"/);
  });
});

describe('doctor', () => {
  it('gives facts as JSON: the backend in use, and a way to install what is absent', async () => {
    const run = await runCli(['doctor', '--json'], {
      SRCODE_BACKEND: 'cpu',
      SRCODE_CACHE: at('no-cache'),
      PATH: at('no-tools'),
    });
    expect(run.code).toBe(0);
    const facts = JSON.parse(run.stdout);
    expect(facts.backend).toEqual({ name: 'cpu', why: 'set by SRCODE_BACKEND' });
    expect(facts.backends.map((fact: { name: string }) => fact.name)).toEqual([
      'tensorflow',
      'webgpu',
      'wasm',
      'cpu',
    ]);
    expect(facts.backends[0]).toMatchObject({ available: false, install: 'srcode backend install' });
    expect(facts.compiler).toMatchObject({ available: false, sanitizers: false });
    expect(facts.compiler.install).toContain('apt install gcc');
    const rules = facts.analyzers.find((fact: { available: boolean }) => fact.available);
    expect(rules.detail).toContain('embedded');
    for (const fact of facts.analyzers) if (!fact.available) expect(fact.install).toBeTruthy();
    expect(facts.machine.cores).toBeGreaterThan(0);
  });
});
