import { describe, expect, it } from 'vitest';
import { renameIdentifiers } from '../test/random-programs.js';
import { matchRollout } from './match-rollout.js';
import { examplePairs } from './testing/index.js';
import type { RewardPair } from './types.js';

const { insertion, deletion, replacement } = examplePairs;
const only = (pair: RewardPair, text: string) => {
  const match = matchRollout(pair, text);
  expect(match.hunks).toHaveLength(1);
  const hunk = match.hunks[0]!;
  return { ...hunk, texts: hunk.evidence.map((index) => match.tokens[index]!.text) };
};
const withCheck = (check: string): string =>
  insertion.vulnerable.replace('  value = table', `  ${check}\n  value = table`);

describe('matchRollout', () => {
  it('rewards an added check on its own tokens', () => {
    const hunk = only(insertion, insertion.secure);
    expect(hunk).toMatchObject({ outcome: 'secure', secureScore: 1, vulnerableScore: 0, absence: false });
    expect(hunk.texts.join(' ')).toBe('if ( index < 0 || index >= count ) return - 1 ;');
  });

  it('penalises a missing check on the first token after the place where it should be', () => {
    const match = matchRollout(insertion, insertion.vulnerable);
    const [index, ...rest] = match.hunks[0]!.evidence;
    expect(rest).toEqual([]);
    expect(match.hunks[0]).toMatchObject({ outcome: 'vulnerable', vulnerableScore: 1, absence: true });
    expect(match.tokens[index!]).toMatchObject({ text: 'value', line: 3 });
  });

  it('treats a removed statement as the mirror image', () => {
    expect(only(deletion, deletion.vulnerable).texts.join(' ')).toBe('log_item ( item -> name ) ;');
    expect(only(deletion, deletion.secure)).toMatchObject({
      outcome: 'secure',
      absence: true,
      texts: ['count'],
    });
  });

  it('follows names that are renamed throughout, for less than exact ones', () => {
    const fresh = new Map([
      ['table', 't'],
      ['count', 'n'],
      ['index', 'i'],
      ['value', 'out'],
      ['read_at', 'get'],
    ]);
    const renamed = renameIdentifiers(insertion.secure, (name) => fresh.get(name) ?? name);
    const hunk = only(insertion, renamed);
    expect(hunk.outcome).toBe('secure');
    expect(hunk.secureScore).toBeGreaterThan(0.6);
    expect(hunk.secureScore).toBeLessThan(1);
    const vulnerable = renameIdentifiers(insertion.vulnerable, (name) => fresh.get(name) ?? name);
    expect(only(insertion, vulnerable)).toMatchObject({ outcome: 'vulnerable', absence: true });
  });

  it('follows two names that are exchanged for each other', () => {
    const swap = new Map([
      ['count', 'index'],
      ['index', 'count'],
    ]);
    const swapped = renameIdentifiers(insertion.secure, (name) => swap.get(name) ?? name);
    expect(only(insertion, swapped).outcome).toBe('secure');
    // Exchanged in the check alone, the same tokens compare the wrong way round.
    const wrong = insertion.secure.replace('index < 0 || index >= count', 'count < 0 || count >= index');
    expect(only(insertion, wrong).secureScore).toBeLessThan(0.85);
  });

  it.each([
    ['the same check in another order', 'if (index >= count || index < 0) return -1;'],
    ['the check in two statements', 'if (index < 0) return -1;\n  if (index >= count) return -1;'],
    ['another way out', 'if (index < 0 || index >= count) { value = 0; goto out; }'],
    ['one unsigned comparison', 'if ((unsigned)index >= (unsigned)count) return -1;'],
  ])('rewards %s, for less', (_name, check) => {
    const hunk = only(insertion, withCheck(check));
    expect(hunk.outcome).toBe('secure');
    expect(hunk.secureScore).toBeLessThan(1);
  });

  it('does not let an unrelated statement in the place hide a missing check', () => {
    expect(only(insertion, withCheck('printf("%d", index);'))).toMatchObject({
      outcome: 'vulnerable',
      absence: true,
    });
  });

  it('says nothing where the place holds something that is neither version', () => {
    const other = replacement.vulnerable.replace('strcpy(out, name)', 'strlcpy(out, name, size)');
    expect(only(replacement, other)).toMatchObject({
      outcome: 'silent',
      reason: 'low-score',
      mass: 0,
      texts: [],
    });
    expect(only(insertion, withCheck('assert(index >= 0 && index < count);')).outcome).toBe('silent');
  });

  it('never takes another function for a renamed one', () => {
    const unknown = replacement.vulnerable.replace('strcpy(out, name)', 'store(out, name)');
    expect(only(replacement, unknown).outcome).toBe('silent');
  });

  it.each([
    ['empty text', ''],
    ['prose', 'I’m sorry, I can’t help with that (see section 2).'],
    ['another function', 'char *trim(char *s) { while (*s == 32) s++; return s; }'],
    ['a text cut before the place', insertion.secure.slice(0, 68)],
  ])('says nothing about %s', (_name, text) => {
    expect(only(insertion, text)).toMatchObject({ outcome: 'silent', mass: 0 });
  });

  it('reads the first code block of an answer with prose around it, with places in the whole answer', () => {
    const text = `Here’s the function:\n\n\`\`\`c\n${insertion.secure}\`\`\`\nIt checks \`index\`.`;
    const match = matchRollout(insertion, text);
    const first = match.tokens[match.hunks[0]!.evidence[0]!]!;
    expect(text.slice(first.start, first.end)).toBe('if');
    expect(first.line).toBe(text.slice(0, first.start).split('\n').length);
    expect(only(insertion, text).secureScore).toBe(1);
  });

  it('counts the first of several definitions of a function', () => {
    expect(only(insertion, insertion.vulnerable + insertion.secure).outcome).toBe('vulnerable');
    expect(only(insertion, insertion.secure + insertion.vulnerable).outcome).toBe('secure');
  });

  it('reads as much of a huge answer as it is allowed to, and says so', () => {
    const text = insertion.secure + 'x = y + 1;\n'.repeat(300_000);
    const match = matchRollout(insertion, text, { codeBlock: 'whole' });
    expect(match.cut).toBe(true);
    expect(match.hunks[0]!.outcome).toBe('secure');
    expect(matchRollout(insertion, text, { maxTextLength: 10 }).hunks[0]!.outcome).toBe('silent');
  });

  it('keeps hunks silent below minScore and within margin', () => {
    const check = 'if (index >= count || index < 0) return -1;';
    expect(matchRollout(insertion, withCheck(check), { minScore: 0.9 }).hunks[0]!.reason).toBe('low-score');
    expect(matchRollout(insertion, withCheck(check), { margin: 0.9 }).hunks[0]!.reason).toBe('tied');
  });

  it('tells code that repeats itself around the place from the place', () => {
    const line = '  memset(out, 0, sizeof(struct row));\n';
    const head = 'void f(struct row *out) {\n  int n = prepare(sizeof(struct row));\n';
    const tail = '  n = fill(out, n);\n  memset(out, 0, sizeof(struct row));\n}\n';
    const pair = { id: 'repeat', vulnerable: head + tail, secure: head + line + tail };
    expect(only(pair, `${head}  trace("start", 1);\n${line}${tail}`).outcome).toBe('secure');
    expect(only(pair, `${head}  trace("start", 1);\n${tail}`).outcome).toBe('vulnerable');
  });
});
