import { lexTokens } from '@srcode/code';
import fc from 'fast-check';
import type { RewardPair } from '../src/index.js';

const name = fc.constantFrom('a', 'b', 'buf', 'len', 'src', 'dst', 'count', 'index', 'state', 'node');
const callee = fc.constantFrom('copy', 'send', 'init', 'grow', 'next');
const number = fc.constantFrom('0', '1', '16', '255');

const statement = fc.oneof(
  fc.tuple(name, name, number).map(([x, y, n]) => `${x} = ${y} + ${n};`),
  fc.tuple(name, callee, name).map(([x, f, y]) => `${x} = ${f}(${y});`),
  fc.tuple(callee, name, name).map(([f, x, y]) => `${f}(${x}, ${y});`),
  fc.tuple(name, number, callee, name).map(([x, n, f, y]) => `if (${x} > ${n}) { ${f}(${y}); }`),
  fc.tuple(name, name, name).map(([x, y, z]) => `while (${x} < ${y}) { ${x}++; ${z}[${x}] = 0; }`),
  fc.tuple(name, name).map(([x, y]) => `${x}->${y} = ${y};`),
);

const check = fc.oneof(
  fc.tuple(name, name).map(([x, y]) => `if (${x} >= ${y}) return -1;`),
  fc.tuple(name).map(([x]) => `if (!${x}) { fail(${x}); return 0; }`),
  fc.tuple(name, number).map(([x, n]) => `memset(${x}, 0, ${n});`),
);

const wrap = (body: readonly string[]): string =>
  `int work(char *src, int len) {\n  ${body.join('\n  ')}\n  return state;\n}\n`;

/** How the secure side differs from the vulnerable one at one place. */
const change = fc.oneof(
  check.map((added) => ({ kind: 'insert' as const, added })),
  fc.constant({ kind: 'delete' as const, added: '' }),
  fc.tuple(statement, check).map(([s, c]) => ({ kind: 'replace' as const, added: `${c} ${s}` })),
);

/** Pairs of random functions with one to three differences: statements added, removed or replaced. */
export const randomPair: fc.Arbitrary<RewardPair> = fc
  .tuple(
    fc.array(statement, { minLength: 4, maxLength: 24 }),
    fc.array(fc.tuple(fc.nat(), change), { minLength: 1, maxLength: 3 }),
  )
  .map(([body, changes]) => {
    const secure = body.map((line) => [line]);
    for (const [at, { kind, added }] of changes) {
      const slot = secure[at % body.length]!;
      if (kind === 'insert') slot.unshift(added);
      else if (kind === 'delete') slot.splice(0, slot.length);
      else slot.splice(0, slot.length, added);
    }
    return { id: 'random', vulnerable: wrap(body), secure: wrap(secure.flat()) };
  })
  .filter((pair) => textsOf(pair.vulnerable) !== textsOf(pair.secure));

/** The lexical tokens joined by blanks. */
export function textsOf(source: string): string {
  return lexTokens(source)
    .map((token) => token.text)
    .join(' ');
}

/** Every identifier that `pick` accepts replaced by its new name. */
export function renameIdentifiers(source: string, newName: (name: string) => string): string {
  let out = '';
  let at = 0;
  for (const token of lexTokens(source)) {
    out += source.slice(at, token.start) + (token.kind === 'identifier' ? newName(token.text) : token.text);
    at = token.end;
  }
  return out + source.slice(at);
}

/** The same tokens with other whitespace and with comments. */
export function respace(source: string, blanks: readonly string[]): string {
  return lexTokens(source)
    .map((token, i) => token.text + blanks[i % blanks.length])
    .join('');
}

/** Cuts of a text into tokens at random places, some of them empty. */
export function cutOffsets(text: string, cuts: readonly number[]): [number, number][] {
  const bounds = [0, ...cuts.map((cut) => cut % (text.length + 1)), text.length].sort((a, b) => a - b);
  return bounds.slice(1).map((end, i) => [bounds[i]!, end]);
}
