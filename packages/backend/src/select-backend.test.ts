import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { BackendUnavailableError } from './errors.js';
import { loadTensorflow } from './load-tensorflow.js';
import { selectBackend } from './select-backend.js';

const empty = { HOME: '/nonexistent', SRCODE_CACHE: '/nonexistent' };

describe('selectBackend', () => {
  it('takes the backend named by SRCODE_BACKEND and says so', async () => {
    const report = await selectBackend({ environment: { SRCODE_BACKEND: 'cpu' } });
    expect(report).toMatchObject({ name: 'cpu', why: 'set by SRCODE_BACKEND', version: tf.version_core });
    expect(tf.getBackend()).toBe('cpu');
    expect(report.candidates.map(({ name }) => name)).toEqual(['tensorflow', 'webgpu', 'wasm', 'cpu']);
  });

  it('lets the caller win over the environment', async () => {
    const report = await selectBackend({ prefer: 'wasm', environment: { SRCODE_BACKEND: 'cpu' } });
    expect(report.name).toBe('wasm');
    expect(tf.getBackend()).toBe('wasm');
  });

  it('refuses an unknown name, and fails with the reason for a backend that is not there', async () => {
    await expect(selectBackend({ environment: { SRCODE_BACKEND: 'cuda' } })).rejects.toThrow(/got "cuda"/);
    const failed = selectBackend({ prefer: 'webgpu' });
    await expect(failed).rejects.toBeInstanceOf(BackendUnavailableError);
    await expect(failed).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE', exitCode: 2 });
  });

  it('says why the native backend is missing', async () => {
    expect(await loadTensorflow(empty)).toMatchObject({
      available: false,
      reason: expect.stringMatching(/backend install/),
    });
    const wrong = await loadTensorflow({ ...empty, SRCODE_LIBTENSORFLOW: '/nonexistent/lib' });
    expect(wrong).toMatchObject({ available: false });
    expect(wrong.reason).toContain('/nonexistent/lib');
  });

  it('leaves no process-wide error handlers behind', async () => {
    await selectBackend({ prefer: 'wasm' });
    const sources = [
      ...process.listeners('uncaughtException'),
      ...process.listeners('unhandledRejection'),
    ].map(String);
    expect(sources.filter((source) => source.includes('ExitStatus'))).toEqual([]);
    expect(sources.filter((source) => /^function\(reason\)\{throw reason\}/.test(source))).toEqual([]);
  });
});
