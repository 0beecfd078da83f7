import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { diffTokens, lexTokens, parseCode, parseTree, type SyntaxNode } from '../src/index.js';

const shared =
  process.env.SRCODE_SHARED_DATA ?? fileURLToPath(new URL('../../../../shared/data', import.meta.url));
const pairsFile = `${shared}/primevul_pairs.jsonl`;

const LITERALS = new Set(['string_literal', 'char_literal', 'raw_string_literal', 'system_lib_string']);

/** Leaves of the tree without comments; literals whole, raw text of macros left out. */
function treeLeaves(source: string): { start: number; end: number }[] {
  const leaves: { start: number; end: number }[] = [];
  const visit = (node: SyntaxNode): void => {
    if (node.type === 'comment' || node.startIndex === node.endIndex) return;
    if (node.type === 'preproc_arg') return;
    if (node.childCount > 0 && !LITERALS.has(node.type)) {
      for (const child of node.children) visit(child);
      return;
    }
    // The grammar reads the sign of some numbers as part of them; lexically it is an operator.
    const signed = node.type === 'number_literal' && /^[-+]/.test(source[node.startIndex]!);
    if (signed) leaves.push({ start: node.startIndex, end: node.startIndex + 1 });
    if (signed) leaves.push({ start: node.startIndex + 1, end: node.endIndex });
    else if (source.slice(node.startIndex, node.endIndex).trim() !== '')
      leaves.push({ start: node.startIndex, end: node.endIndex });
  };
  visit(parseTree(source).rootNode);
  return leaves;
}

/** Share of the tree's leaves that are exactly one lexical token each. */
function agreement(source: string): number {
  const known = new Set(lexTokens(source).map(({ start, end }) => `${start}:${end}`));
  const leaves = treeLeaves(source);
  return leaves.filter(({ start, end }) => known.has(`${start}:${end}`)).length / Math.max(1, leaves.length);
}

describe('lexical tokens and the syntax tree', () => {
  it('agree on clean code', () => {
    const source = `#include <stdio.h>
static int f(const char *s, unsigned n) {
  struct p q = { .a = 1, .b = n << 2 };
  for (int i = 0; i < n && s[i] != '\\0'; ++i) q.a += s[i] ? 0x1F : ~0UL;
  printf("%d\\n", q.a); /* é */
  return q.a >= 3 ? (int)sizeof(q) : -1;
}`;
    expect(agreement(source)).toBe(1);
  });

  it.runIf(existsSync(pairsFile))('agree on real functions that parse', () => {
    const rows = readFileSync(pairsFile, 'utf8').trim().split('\n');
    let clean = 0;
    let same = 0;
    let leaves = 0;
    for (const line of rows.filter((_, i) => i % 5 === 0)) {
      const { vulnerable } = JSON.parse(line) as { vulnerable: string };
      if (!parseCode(vulnerable).ok) continue;
      clean++;
      const count = treeLeaves(vulnerable).length;
      leaves += count;
      same += Math.round(agreement(vulnerable) * count);
    }
    expect(clean).toBeGreaterThan(100);
    expect(same / leaves).toBe(1);
  });

  it.runIf(existsSync(pairsFile))('find a function and a difference in every real pair', () => {
    const rows = readFileSync(pairsFile, 'utf8').trim().split('\n');
    let named = 0;
    for (const line of rows) {
      const row = JSON.parse(line) as { vulnerable: string; fixed: string; func_name: string | null };
      expect(diffTokens(lexTokens(row.vulnerable), lexTokens(row.fixed)).length).toBeGreaterThan(0);
      const [first] = parseCode(row.vulnerable).functions;
      if (first !== undefined) named++;
    }
    expect(named / rows.length).toBeGreaterThan(0.995);
  });
});
