import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { MalformedLineError } from './jsonl.js';
import {
  CancelledError,
  EnvironmentError,
  InputError,
  SrcodeError,
  throwIfCancelled,
} from './srcode-error.js';

/** The classes as a second installed copy of this package would have them. */
function secondCopy() {
  const marker = Symbol.for('srcode.error');
  class SrcodeErrorCopy extends Error {
    readonly [marker] = true;
    readonly code = 'X';
  }
  Object.defineProperty(SrcodeErrorCopy, 'name', { value: 'SrcodeError' });
  class InputErrorCopy extends SrcodeErrorCopy {}
  Object.defineProperty(InputErrorCopy, 'name', { value: 'InputError' });
  class MalformedCopy extends InputErrorCopy {}
  Object.defineProperty(MalformedCopy, 'name', { value: 'MalformedLineError' });
  return { SrcodeErrorCopy, InputErrorCopy, MalformedCopy };
}

describe('SrcodeError', () => {
  it('carries code, context, cause, exit code and its class’s name', () => {
    const cause = new Error('inner');
    const error = new InputError({ code: 'X', message: 'm', context: { line: 1 }, cause });
    expect(error).toMatchObject({
      name: 'InputError',
      code: 'X',
      message: 'm',
      context: { line: 1 },
      cause,
      exitCode: 2,
    });
    expect(new SrcodeError({ code: 'X', message: 'm' }).exitCode).toBe(1);
    expect(new EnvironmentError({ code: 'X', message: 'm' }).exitCode).toBe(2);
    expect('cause' in new SrcodeError({ code: 'X', message: 'm' })).toBe(false);
    expect(error.stack).toContain('InputError: m');
  });
});

describe('isInstance', () => {
  it('follows the class tree', () => {
    const error = new MalformedLineError({ code: 'X', message: 'm' });
    expect([SrcodeError, InputError, MalformedLineError].map((type) => type.isInstance(error))).toEqual([
      true,
      true,
      true,
    ]);
    expect([EnvironmentError, CancelledError].map((type) => type.isInstance(error))).toEqual([false, false]);
    expect(MalformedLineError.isInstance(new InputError({ code: 'X', message: 'm' }))).toBe(false);
  });

  it('knows errors of another copy of the package, which instanceof does not', () => {
    const { MalformedCopy, InputErrorCopy } = secondCopy();
    const error = new MalformedCopy('m');
    expect(error instanceof SrcodeError).toBe(false);
    expect(
      [SrcodeError, InputError, MalformedLineError, EnvironmentError].map((type) => type.isInstance(error)),
    ).toEqual([true, true, true, false]);
    expect(MalformedLineError.isInstance(new InputErrorCopy('m'))).toBe(false);
  });

  it('knows errors of another context, whose Error is another class', () => {
    const foreign: unknown = runInNewContext(
      "Object.assign(new Error('m'), { [Symbol.for('srcode.error')]: true, code: 'X' })",
    );
    expect(foreign instanceof Error).toBe(false);
    expect(SrcodeError.isInstance(foreign)).toBe(true);
  });

  it('is false for everything else', () => {
    for (const value of [
      undefined,
      null,
      1,
      'srcode.error',
      {},
      new Error('m'),
      { code: 'X' },
      { [Symbol.for('srcode.error')]: false },
    ])
      expect(SrcodeError.isInstance(value)).toBe(false);
  });
});

describe('throwIfCancelled', () => {
  it('throws once the signal is aborted, with its reason as cause', () => {
    const controller = new AbortController();
    throwIfCancelled(undefined);
    throwIfCancelled(controller.signal);
    controller.abort('why');
    expect(() => throwIfCancelled(controller.signal)).toThrow(CancelledError);
    try {
      throwIfCancelled(controller.signal);
    } catch (error) {
      expect(error).toMatchObject({ code: 'CANCELLED', cause: 'why' });
    }
  });
});
