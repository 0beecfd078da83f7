import { InputError } from '@srcode/core';
import { describe, expect, it } from 'vitest';
import { ParseTimeoutError, parseCode, parseTree, SourceTooLargeError } from '../src/index.js';

/** Apart from the other tests: these leave a large heap behind, which a test of memory would see. */
describe('parsing hostile code', () => {
  it('walks a broken node with more children than a call can have arguments', () => {
    const report = parseCode(`int a[] = {${'1,'.repeat(500_000)}@};`);
    expect(report.ok).toBe(false);
    expect(report.cleanShare).toBeGreaterThan(0.9);
  });

  /** Takes the parser about half a second where nothing stops it, and minutes at ten times the length. */
  const slow = `int f(void) { return ${'a<b>::'.repeat(1_200)}`;

  it('stops the parser at the limit with a typed error, and parses the next text from its start', () => {
    expect(() => parseTree(slow, { timeoutMs: 20 })).toThrow(ParseTimeoutError);
    expect(parseTree('int z;').rootNode.children.map(({ type }) => type)).toEqual(['declaration']);
    expect(parseTree(slow, { timeoutMs: Infinity }).rootNode.endIndex).toBe(slow.length);
  });

  it('reports a text that ran out of time as broken, with the functions that need no tree', () => {
    const report = parseCode(`int g(void) { return 1; }\n${slow}`, 'c', { timeoutMs: 20 });
    expect(report).toMatchObject({ ok: false, cleanShare: 0, timedOut: true });
    expect(report.functions.map(({ name }) => name)).toEqual(['g', 'f']);
  });

  it('has a limit by default', () => {
    const started = process.hrtime.bigint();
    expect(parseCode(`int f(void) { return ${'a<b>::'.repeat(10_000)}`).timedOut).toBe(true);
    // About three minutes where nothing stops it.
    expect(Number(process.hrtime.bigint() - started) / 1e9).toBeLessThan(30);
  });

  it('refuses a text over the cap before it is parsed', () => {
    expect(() => parseTree(slow, { maxSourceLength: slow.length - 1 })).toThrow(SourceTooLargeError);
    expect(parseTree('int z;', { maxSourceLength: 6 }).rootNode.endIndex).toBe(6);
  });

  it.each([0, -1, Number.NaN])('refuses a limit of %d', (timeoutMs) => {
    expect(() => parseTree('int x;', { timeoutMs })).toThrow(InputError);
  });
});
