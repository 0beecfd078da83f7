const marker = Symbol.for('srcode.error');

export interface SrcodeErrorOptions {
  /** Stable machine-readable code, e.g. `DATASET_MALFORMED_LINE`. */
  readonly code: string;
  /** What was expected, what came, what to do, in plain words. */
  readonly message: string;
  /** Facts for machines: path, line, limits. Never secrets. */
  readonly context?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
  /** 2: the caller's input or usage is at fault; 1: something failed while doing the work. Default 1. */
  readonly exitCode?: 1 | 2;
}

/**
 * Base of every error SRCode throws on purpose.
 *
 * `isInstance` works across duplicated copies of the package, which `instanceof` does not.
 */
export class SrcodeError extends Error {
  readonly code: string;
  readonly context: Readonly<Record<string, unknown>>;
  readonly exitCode: 1 | 2;
  readonly [marker] = true;

  constructor(options: SrcodeErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = options.code;
    this.context = options.context ?? {};
    this.exitCode = options.exitCode ?? 1;
  }

  /** True for any SRCode error, or, on a subclass, for errors of that class name. */
  static isInstance(value: unknown): value is SrcodeError {
    // Not `instanceof Error`: errors of a worker or another context have another Error class.
    if (typeof value !== 'object' || value === null || (value as Record<symbol, unknown>)[marker] !== true)
      return false;
    if (this === SrcodeError) return true;
    for (let proto = Object.getPrototypeOf(value); proto !== null; proto = Object.getPrototypeOf(proto)) {
      if (proto.constructor?.name === this.name) return true;
    }
    return false;
  }
}

/** Input that breaks its format or contract: a file, a line, a flag, a header. Exit code 2. */
export class InputError extends SrcodeError {
  constructor(options: Omit<SrcodeErrorOptions, 'exitCode'>) {
    super({ ...options, exitCode: 2 });
  }
}

/** The machine lacks something: a writable folder, disk space, a tool. Exit code 2. */
export class EnvironmentError extends SrcodeError {
  constructor(options: Omit<SrcodeErrorOptions, 'exitCode'>) {
    super({ ...options, exitCode: 2 });
  }
}

/** The work was cancelled through an `AbortSignal`. What was finished is on disk. */
export class CancelledError extends SrcodeError {
  constructor(message = 'Cancelled.', cause?: unknown) {
    super({ code: 'CANCELLED', message, cause });
  }
}

/** Throws `CancelledError` when the signal is aborted. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new CancelledError('Cancelled; finished work is kept.', signal.reason);
}
