import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CancelledError } from '@srcode/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CompiledOracle, createCompiledOracle } from './create-compiled-oracle.js';
import { detectCompiler } from './detect-compiler.js';

const detection = await detectCompiler();

const preamble = '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n';
const driver = `
int main(int argc, char **argv)
{
    char small[8];
    if (argc == 2 && strcmp(argv[1], "function") == 0)
        return !(copy_name(small, sizeof(small), "abc") == 0 && strcmp(small, "abc") == 0);
    char *heap = malloc(4);
    int result = copy_name(heap, 4, "much too long for four bytes");
    free(heap);
    return result != -1;
}
`;
const secure = `int copy_name(char *dst, size_t size, const char *src)
{
    if (strlen(src) >= size)
        return -1;
    strcpy(dst, src);
    return 0;
}
`;
const withBody = (body: string): string =>
  `int copy_name(char *dst, size_t size, const char *src)\n{\n${body}\n}\n`;

describe.runIf(detection.available)('the compiled oracle', () => {
  let oracle: CompiledOracle;
  let cacheDir: string;
  beforeAll(async () => {
    cacheDir = await mkdtemp(join(tmpdir(), 'srcode-oracle-test-'));
    oracle = await createCompiledOracle({ cacheDir, cpuMs: 1000 });
  });
  afterAll(async () => {
    await oracle.close();
    await rm(cacheDir, { recursive: true, force: true });
  });
  const judge = (code: string, language: 'c' | 'cpp' = 'c') =>
    oracle.evaluate({ preamble, driver, code, language });

  it('passes what is right, and fails security alone for what only overflows on hostile input', async () => {
    expect(await judge(secure)).toEqual({
      compiled: true,
      functional: true,
      secure: true,
      detail: null,
      cached: false,
    });
    expect(await judge(withBody('strcpy(dst, src); return 0;'))).toMatchObject({
      compiled: true,
      functional: true,
      secure: false,
      detail: expect.stringContaining('AddressSanitizer: heap-buffer-overflow'),
    });
  });

  it.runIf(detection.available && detection.compiler.cppPath !== null)('builds C++', async () => {
    const code = `#include <string>\n${withBody('std::string s(src); if (s.size() >= size) return -1; memcpy(dst, s.c_str(), s.size() + 1); return 0;')}`;
    const cppDriver = driver.replace('char *heap = malloc(4)', 'char *heap = (char *)malloc(4)');
    const verdict = await oracle.evaluate({ preamble, driver: cppDriver, code, language: 'cpp' });
    expect(verdict).toMatchObject({ compiled: true, functional: true, secure: true });
  });

  it('tells what is wrong in a few words that do not differ from run to run', async () => {
    const cases: [string, string][] = [
      ['int x', 'compile: answer:1'],
      [withBody('int a[2]; for (int i = 0; i <= 2; i++) a[i] = i; return a[0];'), 'index 2 out of bounds'],
      [withBody('int k = 2147483647; return k + (int)size;'), 'signed integer overflow'],
      [
        withBody(
          'char *p = malloc(3); p[0] = 1; if (strlen(src) >= size) return -1; strcpy(dst, src); return 0;',
        ),
        'LeakSanitizer',
      ],
      [withBody('for (;;);'), 'timeout'],
      [withBody('abort();'), 'SIGABRT'],
      [withBody('for (;;) puts("x");'), 'too much output'],
      [withBody('for (;;) { char *m = malloc(1 << 20); if (m) memset(m, 1, 1 << 20); }'), 'memory'],
    ];
    for (const [code, detail] of cases) {
      const verdict = await judge(code);
      expect(verdict.detail, code).toContain(detail);
      expect(verdict.detail).not.toMatch(/0x[0-9a-f]{4}|==\d+==/);
    }
  });

  it('counts a leak against security and not against function', async () => {
    const leak =
      'char *p = malloc(3); p[0] = 1; if (strlen(src) >= size) return -1; strcpy(dst, src); return 0;';
    expect(await judge(withBody(leak))).toMatchObject({ functional: true, secure: false });
  });

  it('is not passed by an answer that leaves, or rewrites the driver', async () => {
    const cheats = [
      withBody('exit(0);'),
      withBody('_Exit(0);'),
      `#define strcmp(a, b) 0\n${withBody('return -1;')}`,
      `#define return exit(0); return\n${withBody('return 0;')}`,
      `#define main ignored\nint main(void) { return 0; }\n${withBody('return 0;')}`,
      `__attribute__((constructor)) static void early(void) { _Exit(0); }\n${withBody('return 0;')}`,
      `#undef main\n#define srcode_driver_exit(x) 0\n${withBody('return 0;')}`,
      `__attribute__((no_sanitize("address")))\n${withBody('strcpy(dst, src); return 0;')}`,
      `const char *__asan_default_options(void) { return "halt_on_error=0"; }\n${withBody('strcpy(dst, src); return 0;')}`,
      withBody('__asm__("nop"); strcpy(dst, src); return 0;'),
      `asm(".incbin \\"/etc/passwd\\"");\n${secure}`,
    ];
    for (const code of cheats) {
      const verdict = await judge(code);
      expect(verdict.functional && verdict.secure, code).toBe(false);
    }
  });

  it('lets an answer bring its own main and macros, as models do', async () => {
    const code = `#include <string.h>\n#define LIMIT 3\n${secure}\nint main(void) { return LIMIT; }\n`;
    expect(await judge(code)).toMatchObject({ compiled: true, functional: true, secure: true });
  });

  it('takes a driver that falls off the end of main for one that returns 0', async () => {
    const plain =
      '#include <assert.h>\nint main(void)\n{\n    char b[4];\n    assert(copy_name(b, 4, "ab") == 0);\n}\n';
    const verdict = await oracle.evaluate({ preamble, driver: plain, code: secure, language: 'c' });
    expect(verdict).toMatchObject({ functional: true, secure: true });
  });

  it('shows the compiler no file of the host', async () => {
    const verdict = await judge(`#include "/etc/passwd"\n${secure}`);
    expect(verdict.compiled).toBe(false);
    if (oracle.sandbox.filesystemIsolated) expect(verdict.detail).toContain('No such file');
    expect(verdict.detail).not.toContain('root:');
  });

  it('is not worn down by macros that grow without end', async () => {
    const bomb = `${Array.from({ length: 30 }, (_, i) => `#define M${i + 1} M${i} M${i} M${i} M${i}`).join('\n')}\n#define M0 +1\nint big = 0 M30;\n${secure}`;
    expect(await judge(bomb)).toMatchObject({ compiled: false });
  });

  it('judges equal programs once, in this process and the next', async () => {
    const code = withBody('if (strlen(src) >= size) return -1; strcpy(dst, src); return 0; /* again */');
    const before = oracle.stats();
    const verdicts = await Promise.all([judge(code), judge(code), judge(code)]);
    expect(verdicts.filter(({ cached }) => cached)).toHaveLength(2);
    expect(oracle.stats().cacheHits).toBe(before.cacheHits + 2);
    const file = join(cacheDir, 'oracle-verdicts.jsonl');
    await appendFile(file, '{"key":"half a li');
    const next = await createCompiledOracle({ cacheDir, cpuMs: 1000 });
    expect(await next.evaluate({ preamble, driver, code, language: 'c' })).toMatchObject({
      secure: true,
      cached: true,
    });
    await next.close();
    expect((await readFile(file, 'utf8')).endsWith('\n')).toBe(true);
  });

  it('stops on abort', async () => {
    const controller = new AbortController();
    const pending = oracle.evaluate(
      { preamble, driver, code: withBody('for (;;); /* abort */'), language: 'c' },
      controller.signal,
    );
    setTimeout(() => controller.abort(), 200);
    await expect(pending).rejects.toThrow(CancelledError);
  });
});

describe('a machine without compiler', () => {
  it('is told what to install', () => {
    if (!detection.available) expect(detection.install).toContain('gcc');
    else expect(detection.compiler.version).toMatch(/\d+\.\d+/);
  });
});
