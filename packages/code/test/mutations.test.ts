import { Rng } from '@srcode/core';
import { describe, expect, it } from 'vitest';
import {
  codeShingles,
  diffTokens,
  extractFirstCodeBlock,
  findFunctions,
  type LexicalToken,
  lexTokens,
  normalizedHash,
  parseCode,
  structuralHash,
} from '../src/index.js';

const MUTATIONS = 2_000;

const seeds = [
  `#include <string.h>
#define COPY(d, s, n) do { \\
    memcpy((d), (s), (n)); \\
  } while (0)
static int read_frame(struct frame *f, const uint8_t *p, size_t n) {
  size_t i, len = (size_t)p[0] << 8 | p[1];
  if (len > n - 2 || f->data == NULL)
    return -1;
  for (i = 0; i < len; ++i) { f->data[i] = p[i + 2] ^ 0x1F; }
  COPY(f->name, "frame \\"\\x41\\"", sizeof f->name);
  return (int)len; /* bytes taken */
}`,
  `template <typename T, int N = 4> class ring : public base<T> {
 public:
  explicit ring(int n) noexcept : items_{new T[N]}, size_(n ? n : N), f([](T *p) { delete p; }) {}
  ~ring() { delete[] items_; }
  T &operator[](std::size_t i) const { return items_[i % size_]; }
  auto each(std::function<void(T &)> cb) -> void try { for (auto &x : *this) cb(x); } catch (...) {}
 private:
  T *items_; int size_; std::function<void(T *)> f;
};`,
  `int old(a, s, cb) int a; char *s; int (*cb)(); {
#ifdef WIDE
  if (a > 0) {
#else
  if (a >= 0) {
#endif
    switch (*s) { case 'x': goto out; default: a = a ? cb(s) : ~0; }
  }
out:
  return a;
}
void (*handler(int n, void (*h)(int)))(int) { static void (*last)(int); last = h; return n ? last : 0; }`,
  'Sure, here it is:\n```c\nchar *dup(const char *s) {\n  char *d = malloc(strlen(s) + 1);\n  if (d) strcpy(d, s);\n  return d;\n}\n```\nIt frees nothing.',
];

const intruders = [
  ...['(', ')', '{', '}', '[', ']', '<', '>', ';', ':', '::', ',', '"', "'", '\\', '\\\n', '/*', '*/', '//'],
  ...['#if 0\n', '#endif\n', '#define X(', 'R"(', 'template<', 'operator', 'requires', 'try', '->', '=', '~'],
  ...[
    '0x',
    "1'0",
    'struct',
    'class',
    'extern "C"',
    '\u0000',
    '\ud800',
    '日本',
    '😀',
    '\r\n',
    '```',
    '@',
    '`',
  ],
];

/** The text with one to four things done to it that models, cuts and attackers do. */
function mutate(text: string, rng: Rng): string {
  let out = text;
  for (let edits = 1 + rng.nextInt(4); edits > 0; edits--) {
    const start = rng.nextInt(out.length + 1);
    const end = Math.min(out.length, start + 1 + rng.nextInt(60));
    const part = out.slice(start, end);
    const other = rng.pick(seeds);
    const from = rng.nextInt(other.length);
    const replacement = rng.pick([
      () => '',
      () => part + part,
      () => part.repeat(1 + rng.nextInt(40)),
      () => [...part].reverse().join(''),
      () => rng.pick(intruders),
      () => rng.pick(intruders).repeat(1 + rng.nextInt(200)) + part,
      () => other.slice(from, from + rng.nextInt(120)),
    ])();
    out = out.slice(0, start) + replacement + out.slice(end);
    if (rng.nextInt(12) === 0) out = out.slice(0, rng.nextInt(out.length + 1));
  }
  return out.slice(0, 40_000);
}

function checkTokens(text: string, tokens: readonly LexicalToken[]): void {
  let at = 0;
  for (const { start, end } of tokens) {
    if (start < at || end <= start || end > text.length) expect({ start, end, at }).toBe('spans in order');
    at = end;
  }
}

describe('mutated code', () => {
  it('goes through every entry point without a throw, with spans that fit and edits that apply', async () => {
    const rng = Rng.fromSeed(20_260);
    for (let i = 0; i < MUTATIONS; i++) {
      const seed = seeds[i % seeds.length]!;
      const text = mutate(seed, rng.fork('mutation', i));
      const [before, after] = [lexTokens(seed), lexTokens(text)];
      checkTokens(text, after);

      const report = parseCode(text, 'c', { timeoutMs: 30_000 });
      if (!(report.cleanShare >= 0 && report.cleanShare <= 1) || report.timedOut)
        expect({ i, report }).toBe('a report');
      expect(report.functions).toEqual(findFunctions(text));
      let last = 0;
      for (const { start, bodyStart, bodyEnd, end, signature, name } of report.functions) {
        const isOrdered = last <= start && start < bodyStart && bodyStart < bodyEnd && bodyEnd === end;
        if (!isOrdered || end > text.length || text[bodyStart] !== '{' || !signature.includes(`${name}(`))
          expect({ i, start, bodyStart, bodyEnd, end, signature }).toBe('a function');
        last = end;
      }

      const rewritten: string[] = [];
      let at = 0;
      for (const hunk of diffTokens(before, after)) {
        for (; at < hunk.vulnerableStart; at++) rewritten.push(before[at]!.text);
        for (let k = hunk.secureStart; k < hunk.secureEnd; k++) rewritten.push(after[k]!.text);
        at = hunk.vulnerableEnd;
      }
      for (; at < before.length; at++) rewritten.push(before[at]!.text);
      expect(rewritten.join('\u0001')).toBe(after.map((token) => token.text).join('\u0001'));

      const block = extractFirstCodeBlock(text);
      expect(text.slice(block.start, block.end)).toBe(block.code);
      expect(normalizedHash(`${text}\n`)).toMatch(/^[0-9a-f]{64}$/);
      expect(structuralHash(text)).toMatch(/^[0-9a-f]{64}$/);
      codeShingles(text, { structural: i % 2 === 0 });
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  });
});
