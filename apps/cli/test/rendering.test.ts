import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { renderFacts } from '../src/commands/doctor.js';
import type { DoctorFacts } from '../src/doctor/collect-facts.js';
import { mergeConfig } from '../src/merge-config.js';
import { parseDecimal, parseWhole } from '../src/parse-number.js';
import { ProgressBar } from '../src/render/progress-bar.js';
import { percent, renderCounts, renderTable } from '../src/render/table.js';
import { createTestFolder } from './run-cli.js';

const at = createTestFolder();

describe('tables', () => {
  it('puts numbers to the right and words to the left', () => {
    const lines = renderTable(
      ['arm', 'rate'],
      [
        ['base', '5.0 %'],
        ['sft', '12.5 %'],
      ],
    ).split('\n');
    expect(lines).toContain('│ base │  5.0 % │');
    expect(lines).toContain('│ sft  │ 12.5 % │');
  });

  it('shows counts largest first and says how many are left out', () => {
    expect(renderCounts('codes', { a: 1, b: 3, c: 2 }, 2)).toBe('codes: b 3, c 2, … 1 more');
    expect(renderCounts('codes', {})).toBe('codes: none');
  });

  it('shows what was not measured as a dash', () => {
    expect([percent(0.1234), percent(0), percent(null), percent(Number.NaN)]).toEqual([
      '12.3 %',
      '0.0 %',
      '–',
      '–',
    ]);
  });
});

describe('progress bar', () => {
  const isTty = process.stderr.isTTY;
  afterEach(() => {
    process.stderr.isTTY = isTty;
    vi.restoreAllMocks();
  });

  it('draws stage, count and figures, one bar per stage', () => {
    process.stderr.isTTY = true;
    const written: string[] = [];
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0);
    const bar = new ProgressBar();
    bar.update({
      type: 'progress',
      stage: 'sft',
      completed: 1,
      total: 4,
      metrics: { loss: 1.23456, 'tok/s': 1234.5 },
    });
    bar.end();
    bar.update({ type: 'progress', stage: 'ppo', completed: 2, total: 2 });
    bar.update({ type: 'warning', code: 'X', message: 'not for the bar' });
    bar.end();
    const text = written.join('');
    expect(text).toContain('sft');
    expect(text).toContain('ppo');
    expect(text).not.toContain('not for the bar');
  });
});

describe('numbers', () => {
  it('are refused outside their range, with what was expected', () => {
    expect(parseWhole(1)('3')).toBe(3);
    expect(parseDecimal(0, 1)('0.5')).toBe(0.5);
    for (const text of ['0', '-1', '1.5', 'x', '1e99'])
      expect(() => parseWhole(1)(text)).toThrow(InvalidArgumentError);
    for (const text of ['', ' ', 'NaN', '1.1', 'Infinity'])
      expect(() => parseDecimal(0, 1)(text)).toThrow(/expected a number from 0 to 1/);
  });
});

describe('config file', () => {
  const merge = (config: string, argv: readonly string[] = []) => {
    const command = new Command('x')
      .exitOverride()
      .option('--max-tokens <n>', '', parseWhole(1), 5)
      .option('--name <text>', '')
      .option('--file <path>', '', (value: string, before: string[]) => [...before, value], [])
      .option('--no-dedup', '')
      .option('--config <file>', '');
    writeFileSync(at('c.yaml'), config);
    command.parseOptions([...argv]);
    mergeConfig(command, at('c.yaml'));
    return command.opts();
  };

  it('reads YAML and JSON, both spellings, lists and switches; flags win', () => {
    expect(merge('max-tokens: 7\nname: 3\nfile: [a, b]\ndedup: false\n')).toEqual({
      maxTokens: 7,
      name: '3',
      file: ['a', 'b'],
      dedup: false,
    });
    expect(merge('{"maxTokens": 7, "file": "a"}', ['--max-tokens', '9', '--file', 'z'])).toMatchObject({
      maxTokens: 9,
      file: ['z'],
    });
  });

  it.each([
    ['max-tokens: 0', 'CONFIG_BAD_VALUE'],
    ['max-tokens: [1, 2]', 'CONFIG_BAD_VALUE'],
    ['name: {a: 1}', 'CONFIG_BAD_VALUE'],
    ['dedup: maybe', 'CONFIG_BAD_VALUE'],
    ['colour: red', 'CONFIG_UNKNOWN_OPTION'],
    ['config: other.yaml', 'CONFIG_UNKNOWN_OPTION'],
    ['- a', 'CONFIG_MALFORMED'],
    ['a: [', 'CONFIG_MALFORMED'],
  ])('refuses %s', (config, code) => {
    expect(() => merge(config)).toThrow(expect.objectContaining({ code, exitCode: 2 }));
  });
});

describe('doctor', () => {
  const fact = (name: string, available: boolean, install: string | null = null) => ({
    name,
    available,
    detail: available ? '1.0' : 'not on the PATH',
    install,
  });
  const facts: DoctorFacts = {
    node: { version: 'v20.1.0', platform: 'linux-x64', supported: true },
    backend: { name: 'wasm', why: 'first available' },
    backends: [fact('tensorflow', false, 'srcode backend install'), fact('wasm', true)],
    compiler: { ...fact('C compiler', false, 'apt install gcc'), sanitizers: false, cpp: false },
    sandbox: {
      ...fact('sandbox', true, 'apt install bubblewrap'),
      level: 'limits-only',
      isolated: { network: false, files: true },
    },
    analyzers: [fact('cppcheck', false, 'apt install cppcheck')],
    tools: [],
    machine: {
      cores: 2,
      memoryBytes: 2 ** 31,
      freeMemoryBytes: 2 ** 30,
      freeDiskBytes: null,
      cacheFolder: '/cache',
      freeCacheDiskBytes: 0,
    },
  };

  it('says what is absent, what that means, and the command that installs it', () => {
    const text = renderFacts(facts).join('\n');
    expect(text).toContain('Tensor backend: wasm (first available)');
    expect(text).toContain('✗ tensorflow: not on the PATH\n      install: srcode backend install');
    expect(text).toContain('✗ C compiler: not on the PATH\n      install: apt install gcc');
    expect(text).toContain('function is not measured');
    expect(text).toContain('limits-only, NOT isolated: network');
    expect(text).toContain('✗ cppcheck: not on the PATH\n      install: apt install cppcheck');
    expect(text).toContain('2 cores, 2.0 GiB memory (1.0 GiB free), unknown disk free here');
  });
});
