import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fixedClock } from './clock.js';
import { sha256Hex } from './hash.js';
import { createManifest, finishManifest, readManifest, redactSecrets } from './manifest.js';
import { withTemporaryFolder } from './testing/index.js';

describe('redactSecrets', () => {
  it('replaces texts under secret-looking keys at every depth and in every shape', () => {
    expect(
      redactSecrets({
        apiKey: 'a',
        teacher: { api_key: 'b', 'API-KEY': 'c', OPENAI_API_KEY: 'd', model: 'gpt' },
        headers: [{ Authorization: 'Bearer e' }],
        hfToken: 'f',
        password: ['g', { inner: 'h' }],
        credentials: { user: 'i', port: 5 },
        client_secret: '',
      }),
    ).toEqual({
      apiKey: '[redacted]',
      teacher: { api_key: '[redacted]', 'API-KEY': '[redacted]', OPENAI_API_KEY: '[redacted]', model: 'gpt' },
      headers: [{ Authorization: '[redacted]' }],
      hfToken: '[redacted]',
      password: ['[redacted]', { inner: '[redacted]' }],
      credentials: { user: '[redacted]', port: 5 },
      client_secret: '',
    });
  });

  it.each([
    ['https://me:hunter2@host/v1', 'https://[redacted]@host/v1'],
    ['srcode build --api-key abcdef --seed 1', 'srcode build --api-key [redacted] --seed 1'],
    ['srcode build --api-key=abcdef', 'srcode build --api-key=[redacted]'],
    ['HF_TOKEN="a b" srcode', 'HF_TOKEN=[redacted] srcode'],
    ['http://host/?api_key=abc&x=1', 'http://host/?api_key=[redacted]&x=1'],
    ['Authorization: Bearer abcdefghij.klm', 'Authorization: Bearer [redacted]'],
    ['sk-abcdefghijklmnopqrst', '[redacted]'],
  ])('cleans %s', (text, clean) => {
    expect(redactSecrets(text)).toBe(clean);
    expect(redactSecrets({ command: [text] })).toEqual({ command: [clean] });
  });

  it('leaves ordinary options alone', () => {
    const options = {
      maxTokens: 256,
      maxNewTokens: '256',
      padToken: '<pad>',
      stop_tokens: ['}'],
      tokenizer: 'models/tokenizer',
      command: 'srcode rewards tag --max-tokens 5 --arm ppo-token out.jsonl',
      url: 'https://host:8080/v1',
      seed: null,
      arm: 'ppo-token',
      when: new Date(0),
      nested: [1, true, undefined],
    };
    expect(redactSecrets(options)).toEqual(options);
  });

  it('takes long hostile texts and does not touch its input', () => {
    for (const text of [
      '-'.repeat(99_000),
      'token'.repeat(19_000),
      '://a:'.repeat(19_000),
      'api_key='.repeat(12_000),
    ])
      expect(typeof redactSecrets(text)).toBe('string');
    const input = Object.freeze({ apiKey: 'x' });
    expect(redactSecrets(input)).toEqual({ apiKey: '[redacted]' });
    expect(input.apiKey).toBe('x');
  });
});

describe('createManifest, finishManifest, readManifest', () => {
  it('hash inputs and outputs, stamp times, and read back', async () => {
    await withTemporaryFolder(async (dir) => {
      const [input, output, path] = [
        join(dir, 'in.jsonl'),
        join(dir, 'out.jsonl'),
        join(dir, 'run', 'manifest.json'),
      ];
      await writeFile(input, 'in');
      await writeFile(output, 'out');
      const clock = fixedClock(0, 60_000);
      const manifest = await createManifest({
        command: 'srcode build --api-key abc',
        options: { seed: 1, apiKey: 'abc', teacher: { url: 'http://u:p@h' } },
        seed: 1,
        inputs: { data: input },
        versions: { tfjs: '4.22.0' },
        synthetic: ['teacher: replayed'],
        extra: { token: 'abc', rows: 3 },
        clock,
      });
      expect(manifest.finishedAt).toBeNull();
      const finished = await finishManifest(manifest, path, { outputs: { data: output }, clock });
      expect(finished).toMatchObject({
        startedAt: '1970-01-01T00:00:00.000Z',
        finishedAt: '1970-01-01T00:01:00.000Z',
        inputs: { data: { path: input, sha256: sha256Hex('in') } },
        outputs: { data: { path: output, sha256: sha256Hex('out') } },
        versions: { node: process.version, tfjs: '4.22.0' },
        synthetic: ['teacher: replayed'],
        extra: { rows: 3 },
      });
      expect(await readManifest(path)).toEqual(finished);
      const text = await readFile(path, 'utf8');
      expect(text).not.toMatch(/abc|u:p@/);
      expect(text.endsWith('}\n')).toBe(true);
    });
  });

  it('fail on inputs and outputs that are not there, before anything is written', async () => {
    await withTemporaryFolder(async (dir) => {
      const none = join(dir, 'none');
      await expect(createManifest({ command: 'x', options: {}, inputs: { a: none } })).rejects.toMatchObject({
        code: 'FILE_NOT_FOUND',
        exitCode: 2,
      });
      const manifest = await createManifest({ command: 'x', options: {} });
      const path = join(dir, 'manifest.json');
      await expect(finishManifest(manifest, path, { outputs: { a: none } })).rejects.toMatchObject({
        code: 'FILE_NOT_FOUND',
      });
      await expect(readManifest(path)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND', exitCode: 2 });
    });
  });

  it('refuse a manifest that is cut short, of another version, or a folder', async () => {
    await withTemporaryFolder(async (dir) => {
      const path = join(dir, 'manifest.json');
      const manifest = await createManifest({ command: 'x', options: {} });
      const text = JSON.stringify(manifest);
      for (const content of [
        text.slice(0, -20),
        '',
        'null',
        text.replace('"schemaVersion":1', '"schemaVersion":2'),
      ]) {
        await writeFile(path, content);
        await expect(readManifest(path)).rejects.toMatchObject({
          code: 'MANIFEST_INVALID',
          exitCode: 2,
          context: { path },
        });
      }
      await mkdir(join(dir, 'folder'));
      await expect(readManifest(join(dir, 'folder'))).rejects.toMatchObject({ code: 'FILE_IS_FOLDER' });
    });
  });

  it('are written whole or not at all', async () => {
    await withTemporaryFolder(async (dir) => {
      await writeFile(join(dir, 'file'), 'x');
      const manifest = await createManifest({ command: 'x', options: {} });
      await expect(finishManifest(manifest, join(dir, 'file', 'manifest.json'))).rejects.toMatchObject({
        exitCode: 2,
      });
    });
  });
});
